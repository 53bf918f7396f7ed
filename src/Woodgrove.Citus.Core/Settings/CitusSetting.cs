using Npgsql;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Errors;
using Woodgrove.Citus.Validation;
using Woodgrove.Citus.Values;

namespace Woodgrove.Citus.Settings;

/// <summary>A parameter that matters for a cluster.</summary>
/// <param name="Value">That of the node that the connection leads to.</param>
/// <param name="Differs">True where another node has another value.</param>
/// <param name="Suggested">For the workload and the smallest node, or null where there is no reason for one value over another, or no way
/// to know.</param>
/// <param name="IsSuggested">True where every node has a value as suggested.</param>
/// <param name="Reason">Why that value, or why none can be given.</param>
/// <param name="Fix">The SQL, or the place in the portal, or null where nothing is to be done.</param>
public sealed record CitusSetting(
    string Name, string Value, bool Differs, string? Suggested, bool IsSuggested, string Description, string Reason,
    Listing<NodeSetting> Nodes, string? Fix)
{
    /// <summary>The parameters as they are on all nodes, with what to make of them.</summary>
    /// <param name="memory">Bytes of memory of the smallest node, in place of what can be read from it.</param>
    /// <param name="cores">Its cores, likewise.</param>
    /// <param name="warn">Receives which values are missing, and why.</param>
    public static async Task<IReadOnlyList<CitusSetting>> ReadAsync(
        CitusConnection connection, CitusWorkload workload, long? memory, int? cores, TimeSpan patience, Action<string> warn,
        CancellationToken stop)
    {
        var inquiry = new NodeInquiry(connection, patience);
        await using NpgsqlConnection session = await inquiry.OpenAsync(stop);
        IReadOnlyList<NodeState> nodes = await ClusterValidation.NodesAsync(connection, session, stop);
        var facts = new Facts(nodes);
        nodes = await Task.WhenAll(nodes.Select(n => inquiry.AskAsync(n, [Found.Question, Capacity.Question], facts, stop)));
        foreach (Gap gap in facts.Gaps([Found.Question])) warn($"The parameters of {gap.Node} are missing: {gap.Reason.TrimEnd('.')}.");

        IReadOnlyList<Capacity> capacities = facts.Of(Capacity.Question);
        var smallest = new NodeCapacity(memory ?? capacities.Min(c => c.MemoryBytes), cores ?? capacities.Min(c => c.Cores),
            nodes.Count(n => n.GroupId > 0 || nodes.Count == 1));
        string[] order = [.. nodes.Select(n => n.Node)];
        string local = nodes.First(n => n.IsLocal).Node;
        ILookup<string, Found> byName = facts.Of(Found.Question).ToLookup(f => f.Name);
        return [.. SettingAdvice.All.Where(a => byName[a.Name].Any())
            .Select(a => Read(a, [.. byName[a.Name].OrderBy(f => Array.FindIndex(order, n => n == f.Node))], local, byName, smallest,
                workload, connection))];
    }

    /// <summary>What a name that is none of the list's, or that the server does not show this user, gets.</summary>
    public static CitusException NotFound(string name) =>
        SettingAdvice.All.Any(a => string.Equals(a.Name, name, StringComparison.OrdinalIgnoreCase))
        ? SettingErrors.NotShown(name)
        : SettingErrors.NotListed(name);

    private static CitusSetting Read(
        SettingAdvice advice, IReadOnlyList<Found> found, string local, ILookup<string, Found> all, NodeCapacity capacity,
        CitusWorkload workload, CitusConnection connection)
    {
        Found here = found.FirstOrDefault(f => f.Node == local) ?? found[0];
        Suggestion suggestion = advice.Suggest(workload, capacity,
            name => all[name].Select(f => f.Number).OfType<double>().DefaultIfEmpty().Max());
        bool isSuggested = suggestion.Fits is null || found.All(f => suggestion.Fits(f));
        string? fix = isSuggested || suggestion.Value is null ? null : FixOf(advice.Name, suggestion.Value, here.Context, connection);
        return new CitusSetting(advice.Name, here.Text, found.DistinctBy(f => f.Text).Count() > 1, suggestion.Value, isSuggested,
            advice.Description, suggestion.Why,
            [.. found.Select(f => new NodeSetting(f.Node, f.Text, f.PendingRestart))], fix);
    }

    private static string FixOf(string name, string value, string context, CitusConnection connection)
    {
        if (connection.Server.EndsWith(".azure.com", StringComparison.OrdinalIgnoreCase))
            return "Azure portal: the cluster's page, Settings > Coordinator and Worker node parameters (Elastic Clusters: "
                + $"Server parameters) > {name} = {value}";
        return context switch
        {
            "user" or "superuser" => $"ALTER DATABASE \"{connection.Database.Replace("\"", "\"\"", StringComparison.Ordinal)}\" SET "
                + $"{name} = '{value}'; -- on each node, for new sessions",
            "sighup" => $"ALTER SYSTEM SET {name} = '{value}'; SELECT pg_reload_conf(); -- on each node",
            _ => $"ALTER SYSTEM SET {name} = '{value}'; -- on each node, then restart it",
        };
    }
}
