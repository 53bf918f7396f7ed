using Npgsql;
using Woodgrove.Citus.Connections;

namespace Woodgrove.Citus.Activity;

/// <summary>The sessions of all nodes at one moment.</summary>
internal sealed record SessionSnapshot(IReadOnlyList<NodeAnswer> Nodes, IReadOnlyList<NodeSession> Sessions)
{
    public static async Task<SessionSnapshot> ReadAsync(CitusConnection connection, NpgsqlConnection session, CancellationToken stop)
    {
        IReadOnlyList<NodeAnswer> nodes = await NodeAnswer.AskAllAsync(session, NodeSession.Select(connection.IsCitus), stop);
        List<NodeSession> sessions = [.. nodes.SelectMany(n => n.Rows.Select(r => NodeSession.Read(n, r)))];
        // The session that asks, and what asks the nodes for it.
        HashSet<long> own = [.. sessions.Where(s => s is { Asks: true, Node.IsOwn: true }).Select(s => s.GlobalProcessId)];
        return new SessionSnapshot(nodes, [.. sessions.Where(s => !s.Asks && !own.Contains(s.GlobalProcessId))]);
    }

    public void Report(CitusConnection connection, Action<string> warn) => NodeAnswer.Report(Nodes, connection.UserName, warn);

    /// <summary>One a client's session, with its parts; a part whose client is on a node that could not be asked stands alone.</summary>
    public IEnumerable<CitusActivity> Activities()
    {
        // A part that is done keeps its connection, idle, for the next statement.
        ILookup<long, NodeSession> parts = Sessions.Where(s => s is { IsPart: true, State: not "idle" }).ToLookup(s => s.GlobalProcessId);
        HashSet<long> clients = [.. Sessions.Where(s => !s.IsPart).Select(s => s.GlobalProcessId)];
        return Sessions.Where(s => !s.IsPart || !clients.Contains(s.GlobalProcessId))
            .Select(s => Activity(s, s.IsPart ? [] : [.. parts[s.GlobalProcessId].Select(Part)]))
            .OrderBy(a => a.IsInternal).ThenByDescending(a => a.State == "active").ThenByDescending(a => a.Duration);
    }

    /// <summary>The client's session of that id, or the part that waits for a lock.</summary>
    public NodeSession? Client(long id) =>
        Sessions.FirstOrDefault(s => !s.IsPart && s.GlobalProcessId == id) ?? Sessions.FirstOrDefault(s => s.GlobalProcessId == id);

    /// <summary>The session in which a client's work waits for a lock: its own, or one of its parts.</summary>
    public NodeSession? Waiting(long id) => Sessions.FirstOrDefault(s => s.GlobalProcessId == id && s.AwaitedLock is not null);

    private static CitusActivity Activity(NodeSession s, CitusActivityPart[] parts) => new(
        s.GlobalProcessId, s.Node.NodeName, s.Node.NodePort, s.ProcessId, s.Database, s.UserName, s.ApplicationName, s.ClientAddress,
        s.State, s.Query, s.Duration, s.WaitsFor ?? parts.Select(p => p.WaitsFor).FirstOrDefault(w => w is not null),
        s.SessionStart, s.TransactionStart, s.QueryStart, parts, s.IsInternal);

    private static CitusActivityPart Part(NodeSession s) =>
        new(s.Node.NodeName, s.Node.NodePort, s.ProcessId, s.State, s.Query, s.Duration, s.WaitsFor);
}
