using Npgsql;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Values;

namespace Woodgrove.Citus.Activity;

/// <summary>A session of a client, with what it runs on the other nodes.</summary>
/// <param name="GlobalProcessId">Citus's id of it over all nodes: 10,000,000,000 times the node's id, plus the process id.</param>
/// <param name="NodeName">The node that the client is connected to.</param>
/// <param name="State">active, idle, idle in transaction …; null where the role may not see it.</param>
/// <param name="Query">The latest statement; null where the role may not see it.</param>
/// <param name="Duration">How long the statement has been running, or the session idle.</param>
/// <param name="WaitsFor">The kind and the event it waits for, such as <c>Lock: relation</c>; of its parts, if it waits for them; null
/// where nothing holds it up.</param>
/// <param name="Parts">What it runs, or holds open, on the nodes.</param>
/// <param name="IsInternal">True of Citus's own sessions, and of those that no client is connected to.</param>
public sealed record CitusActivity(
    long GlobalProcessId, string NodeName, int NodePort, int ProcessId, string? Database, string? UserName, string? ApplicationName,
    string? ClientAddress,
    string? State, string? Query, TimeSpan? Duration, string? WaitsFor, DateTime? SessionStart, DateTime? TransactionStart,
    DateTime? QueryStart,
    Listing<CitusActivityPart> Parts, bool IsInternal)
{
    /// <summary>True where state and statement belong to another user, and the role may not see them.</summary>
    public bool IsHidden => State is null && !IsInternal;

    /// <summary>The sessions that are at work, those of all nodes together; the one that asks is left out.</summary>
    /// <param name="all">Idle ones, hidden ones and Citus's own too.</param>
    /// <param name="warn">Receives what could not be seen, and what would change that.</param>
    public static async Task<IReadOnlyList<CitusActivity>> ListAsync(CitusConnection connection, bool all, Action<string> explain,
        Action<string> warn, CancellationToken stop)
    {
        await using NpgsqlConnection session = await ClusterMetadata.OpenAsync(connection, stop);
        SessionSnapshot seen = await SessionSnapshot.ReadAsync(connection, session, stop);
        seen.Report(connection, warn);
        explain($"Sessions were read on {seen.Nodes.Count(n => n.Failure is null)} of {seen.Nodes.Count} nodes.");

        List<CitusActivity> found = [.. seen.Activities()];
        if (all) return found;
        if (found.Count(a => a.IsHidden) is > 0 and var hidden)
        {
            warn(ActivityErrors.Hidden(connection, hidden));
        }
        return [.. found.Where(a => a is { IsInternal: false, State: not (null or "idle") })];
    }
}
