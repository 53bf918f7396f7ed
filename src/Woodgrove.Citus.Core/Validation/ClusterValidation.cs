using Npgsql;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Errors;
using Woodgrove.Citus.Values;

namespace Woodgrove.Citus.Validation;

/// <summary>Runs checks over a cluster.</summary>
/// <param name="Checks">Names, wildcards allowed; none means all but those about upgrades.</param>
/// <param name="Except">Checks to leave out.</param>
/// <param name="Thresholds">Limits by check, in place of the checks' own.</param>
/// <param name="Patience">How long one question to one node may take.</param>
public sealed record ClusterValidation(
    IReadOnlyCollection<string> Checks, IReadOnlyCollection<string> Except, IReadOnlyDictionary<string, double> Thresholds,
    TimeSpan Patience)
{
    /// <summary>Just checks of these categories; none means all but Upgrade.</summary>
    public IReadOnlyCollection<CheckCategory> Categories { get; init; } = [];

    /// <summary>Whether the module's own tables are checked too.</summary>
    public bool IncludeModule { get; init; }

    /// <summary>Refuses what could not be run, without asking the cluster anything.</summary>
    /// <exception cref="CitusException">A name is that of no check, or a threshold is that of a check without one.</exception>
    public void Check()
    {
        _ = CheckCatalog.Select(Checks, Except, Categories);
        _ = CheckCatalog.Limits(Thresholds);
    }

    /// <summary>One result a check, in the order of categories and names.</summary>
    /// <exception cref="CitusException">A name is that of no check, or the connection leads nowhere.</exception>
    public async Task<IReadOnlyList<CheckResult>> RunAsync(CitusConnection connection, Action<string> explain, CancellationToken stop)
    {
        IReadOnlyList<CitusCheck> checks = CheckCatalog.Select(Checks, Except, Categories);
        IReadOnlyDictionary<CitusCheck, double> limits = CheckCatalog.Limits(Thresholds);
        if (connection.CitusVersion is null) throw CatalogErrors.NoCitus(connection, "there is no cluster to check");

        var inquiry = new NodeInquiry(connection, Patience, IncludeModule);
        await using NpgsqlConnection session = await inquiry.OpenAsync(stop);
        HashSet<string> lacking = await RolesLackingAsync(session, checks, stop);
        IReadOnlyList<NodeState> nodes = await NodesAsync(connection, session, stop);
        explain($"Asking {string.Join(", ", nodes.Select(n => n.Node))} for the facts of {checks.Count} checks.");

        Question[] questions = [.. checks.Where(c => c.Role is null || !lacking.Contains(c.Role)).SelectMany(c => c.Questions).Distinct()];
        ILookup<Ask, Question> by = questions.ToLookup(q => q.Of);
        var gathered = new Facts(nodes);
        Task ofCluster = inquiry.AskAsync(session, nodes.First(n => n.IsLocal).Node, [.. by[Ask.Cluster]], gathered, null, stop);
        nodes = await Task.WhenAll(nodes.Select(n => inquiry.AskAsync(n, [.. by[Ask.EveryNode]], gathered, stop)));
        await ofCluster;
        foreach (NodeState node in nodes.Where(n => n.Unreachable is not null)) explain($"{node.Node} {node.Unreachable}.");

        return [.. checks.Select(check => check.Role is { } role && lacking.Contains(role)
            ? Skipped(check, $"needs the rights of {role}", $"GRANT {role} TO {connection.UserName};")
            : Judge(check, gathered.For(nodes, limits.GetValueOrDefault(check))))];
    }

    /// <summary>What the check decides, unless there is nothing to decide over, or nothing wrong where it could look.</summary>
    internal static CheckResult Judge(CitusCheck check, Facts facts)
    {
        Gap[] gaps = [.. facts.Gaps(check.Questions)];
        if (gaps.FirstOrDefault(g => g.Question.Of == Ask.Cluster) is { } gap) return Skipped(check, gap, facts.Nodes);
        if (gaps.Length > 0 && gaps.Select(g => g.Node).Distinct().Count() == facts.Nodes.Count && gaps.Any(g => g.Denied))
            return Skipped(check, gaps.First(g => g.Denied), []);

        Verdict verdict;
        try
        {
            verdict = check.Decide(facts);
        }
        catch (Exception e)
        {
            // What the nodes answer, statistics above all, may be empty where nobody expected it. That is one check's loss, not all
            // others'.
            return Skipped(check, $"could not decide over what the nodes answered: {e.Message}", null);
        }
        if (verdict.Status == CheckStatus.Passed && gaps.Length > 0)
        {
            string where = string.Join("; ", gaps.GroupBy(g => g.Node).Select(g => $"{g.Key} {g.First().Reason}"));
            return Skipped(check, gaps.All(g => g.Denied) ? $"a right is missing: {where}" : $"not looked at everywhere: {where}", null);
        }
        return new CheckResult(check.Name, check.Category, verdict.Status, verdict.Expected, verdict.Actual, verdict.Evidence.ToListing(),
            check.Why, verdict.Fix);
    }

    /// <summary>What the coordinator cannot tell of the cluster, it mostly cannot because a node is away.</summary>
    private static CheckResult Skipped(CitusCheck check, Gap gap, IReadOnlyList<NodeState> nodes) => Skipped(check,
        gap.Denied ? $"a right is missing: {gap.Reason}"
            : string.Join("; ", nodes.Where(n => n.Unreachable is not null).Select(n => $"{n.Node} {n.Unreachable}")
                .Prepend($"no answer from {gap.Node}: {gap.Reason}")), null);

    private static CheckResult Skipped(CitusCheck check, string reason, string? fix) =>
        new(check.Name, check.Category, CheckStatus.Skipped, check.Decides, reason, [], check.Why, fix);

    private static async Task<HashSet<string>> RolesLackingAsync(NpgsqlConnection session, IEnumerable<CitusCheck> checks,
        CancellationToken stop)
    {
        return [.. await session.ListAsync("SELECT r FROM unnest($1::text[]) r WHERE NOT pg_catalog.pg_has_role(r, 'USAGE')",
            row => row.GetString(0), stop, checks.Select(c => c.Role).OfType<string>().Distinct().ToArray())];
    }

    /// <summary>The primaries, with the node that the connection leads to also where the metadata does not list it.</summary>
    internal static async Task<IReadOnlyList<NodeState>> NodesAsync(CitusConnection connection, NpgsqlConnection session,
        CancellationToken stop)
    {
        return await session.ListAsync("""
            SELECT coalesce(n.nodename, $1), coalesce(n.nodeport, $2), coalesce(n.groupid, l.groupid), coalesce(n.isactive, true),
                l.groupid IS NOT NULL
            FROM (SELECT * FROM pg_catalog.pg_dist_node WHERE noderole = 'primary') n
            FULL JOIN pg_catalog.pg_dist_local_group l ON l.groupid = n.groupid ORDER BY 3
            """, row => new NodeState($"{row.GetString(0)}:{row.GetInt32(1)}", row.GetString(0), row.GetInt32(1), row.GetInt32(2),
                row.GetBoolean(3), null, 0, 0) { IsLocal = row.GetBoolean(4) }, stop, connection.Server, connection.Port);
    }
}
