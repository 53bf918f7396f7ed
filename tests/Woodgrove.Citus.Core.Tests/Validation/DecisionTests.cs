using Woodgrove.Citus.Validation;
using Woodgrove.Citus.Validation.Checks;

namespace Woodgrove.Citus.Core.Tests.Validation;

/// <summary>
/// What checks decide over facts made up, at their limits and in combinations that a cluster hardly shows, and what
/// becomes of questions without an answer.
/// </summary>
public sealed class DecisionTests
{
    private static readonly NodeState[] Loopbacks = [Node("127.0.0.1", 5432), Node("127.0.0.1", 5433)];
    private static readonly NodeState[] Networked = [Node("c.bank.example", 5432), Node("w1.bank.example", 5432)];

    [Fact]
    public void Clocks_apart_by_more_than_the_limit_and_the_uncertainty_are_a_warning()
    {
        NodeState[] nodes = [Networked[0] with { ClockOffset = 0.2, ClockUncertainty = 0.01 },
            Networked[1] with { ClockOffset = -2.5, ClockUncertainty = 0.02 }];

        CheckResult result = Judge(new ClockDifference(), nodes);

        Assert.Equal(CheckStatus.Warning, result.Status);
        Assert.Equal("c.bank.example:5432 is 2.7 s ahead of w1.bank.example:5432", result.Actual);
        Assert.Equal(CheckStatus.Passed, Judge(new ClockDifference(), nodes, limit: 3).Status);
    }

    [Fact]
    public void A_difference_that_slow_answers_explain_is_none() =>
        Assert.Equal(CheckStatus.Passed,
            Judge(new ClockDifference(),
                [Networked[0] with { ClockOffset = 0, ClockUncertainty = 1 },
                    Networked[1] with { ClockOffset = 2.5, ClockUncertainty = 1 }]).Status);

    [Theory]
    [InlineData("sslmode=require", true, CheckStatus.Passed)]
    [InlineData("sslmode = verify-full sslrootcert=/etc/ca.pem", true, CheckStatus.Passed)]
    [InlineData("sslmode=prefer", true, CheckStatus.Failed)]
    [InlineData("sslmode=require", false, CheckStatus.Failed)]
    [InlineData("", true, CheckStatus.Failed)]
    public void Nodes_on_a_network_must_demand_tls_of_each_other(string conninfo, bool ssl, CheckStatus expected)
    {
        string json = $$"""[{"node":"w1.bank.example:5432","ssl":{{(ssl ? "true" : "false")}},"node_conninfo":"{{conninfo}}"}]""";

        Assert.Equal(expected, Judge(new NodeTls(), Networked, json).Status);
        Assert.Equal(CheckStatus.Passed, Judge(new NodeTls(), Loopbacks, json).Status);
    }

    [Theory]
    [InlineData("10.1.2.3", CheckStatus.Failed)]
    [InlineData("127.0.0.1", CheckStatus.Passed)]
    [InlineData("::1", CheckStatus.Passed)]
    public void A_client_from_elsewhere_without_tls_is_a_failure(string address, CheckStatus expected)
    {
        CheckResult result = Judge(new ClientTls(), Networked,
            $$"""[{"node":"c.bank.example:5432","user_name":"teller","address":"{{address}}","application":"till","connections":3}]""");

        Assert.Equal(expected, result.Status);
        if (expected == CheckStatus.Failed) Assert.Equal("teller from 10.1.2.3 to c.bank.example:5432 (till)", result.Actual);
    }

    [Theory]
    [InlineData(16, CheckStatus.Passed)]
    [InlineData(14, CheckStatus.Warning)]
    [InlineData(4, CheckStatus.Failed)]
    public void A_disk_warns_before_it_fails(int freePercent, CheckStatus expected) =>
        Assert.Equal(expected, Judge(new DiskSpace(), Networked,
            $$"""[{"node":"w1.bank.example:5432","free_bytes":{{freePercent}}000,"total_bytes":100000}]""").Status);

    [Fact]
    public void A_minor_release_of_PostgreSQL_apart_is_a_warning_and_a_major_one_a_failure()
    {
        string With(string second) =>
            $$"""[{"node":"a","postgre_sql":"17.4","library":"13.2.2","extension":"13.2-1"},{"node":"b","postgre_sql":"{{second}}","library":"13.2.2","extension":"13.2-1"}]""";

        Assert.Equal(CheckStatus.Passed, Judge(new NodeVersions(), Networked, With("17.4")).Status);
        Assert.Equal(CheckStatus.Warning, Judge(new NodeVersions(), Networked, With("17.5")).Status);
        Assert.Equal(CheckStatus.Failed, Judge(new NodeVersions(), Networked, With("16.9")).Status);
    }

    [Fact]
    public void An_extension_behind_its_library_is_a_failure() =>
        Assert.Equal(CheckStatus.Failed,
            Judge(new NodeVersions(), Loopbacks, """[{"node":"a","postgre_sql":"17.4","library":"13.2.2","extension":"13.1-1"}]""").Status);

    [Fact]
    public void No_slots_for_prepared_transactions_are_a_failure() =>
        Assert.Equal(CheckStatus.Failed,
            Judge(new PreparedTransactionLimit(), Networked,
                """[{"node":"a","max_prepared_transactions":0,"max_connections":100}]""").Status);

    [Fact]
    public void A_background_task_that_was_given_up_is_a_failure_for_a_week()
    {
        string With(double days) =>
            $$"""[{"job_id":1,"task_id":2,"job_type":"rebalance","job_state":"failed","status":"error","retries":30,"command":"c","message":"disk full","age_days":{{days.ToString(System.Globalization.CultureInfo.InvariantCulture)}}}]""";

        Assert.Equal(CheckStatus.Failed, Judge(new BackgroundTasks(), Networked, With(1)).Status);
        Assert.Equal(CheckStatus.Passed, Judge(new BackgroundTasks(), Networked, With(8)).Status);
    }

    [Fact]
    public void A_node_without_an_answer_leaves_no_check_passed_and_hides_no_fault()
    {
        Gap gap = new(new WalLevel().Questions[0], Networked[1].Node, "cannot be reached", false);

        Assert.Equal(CheckStatus.Skipped,
            Judge(new WalLevel(), Networked, """[{"node":"c.bank.example:5432","value":"logical"}]""", gap).Status);
        Assert.Equal(CheckStatus.Warning,
            Judge(new WalLevel(), Networked, """[{"node":"c.bank.example:5432","value":"replica"}]""", gap).Status);
    }

    [Fact]
    public void A_refusal_names_the_missing_right()
    {
        var check = new CoordinatorRegistered();

        CheckResult result = Judge(check, Networked, null,
            new Gap(check.Questions[0], Networked[0].Node, "permission denied for table pg_dist_node. (SQLSTATE 42501)", true));

        Assert.Equal(CheckStatus.Skipped, result.Status);
        Assert.Equal("a right is missing: permission denied for table pg_dist_node. (SQLSTATE 42501)", result.Actual);
    }

    [Fact]
    public void A_node_s_name_is_quoted_in_its_question() =>
        Assert.StartsWith("SELECT coalesce(pg_catalog.json_agg(a), '[]')::text FROM (SELECT 'it''s:1' AS node",
            new WalLevel().Questions[0].ToSql("it's:1"), StringComparison.Ordinal);

    [Theory]
    [InlineData("pgoutput, test_decoding", "ALTER SYSTEM SET output_plugin_libraries = 'pgoutput', 'test_decoding', 'citus'; "
        + "SELECT pg_reload_conf(); -- on ")]
    [InlineData("", "ALTER SYSTEM SET output_plugin_libraries = 'citus'; SELECT pg_reload_conf(); -- on ")]
    public void A_node_that_forbids_citus_as_an_output_plugin_is_warned_of(string value, string fix)
    {
        CheckResult result = Judge(new LogicalTransfers(), Networked, $$"""[{"node":"{{Networked[1].Node}}","value":"{{value}}"}]""");

        Assert.Equal((CheckStatus.Warning, fix + Networked[1].Node), (result.Status, result.Fix));
    }

    [Theory]
    [InlineData("null", "no node has the parameter")]
    [InlineData("\"pgoutput, citus\"", "citus among them on all nodes")]
    public void A_node_without_the_parameter_or_with_citus_in_it_passes(string value, string actual)
    {
        CheckResult result = Judge(new LogicalTransfers(), Networked, $$"""[{"node":"{{Networked[1].Node}}","value":{{value}}}]""");

        Assert.Equal((CheckStatus.Passed, actual), (result.Status, result.Actual));
    }

    [Fact]
    public void A_fix_names_every_table_that_the_check_found()
    {
        string rows = string.Join(',', Enumerable.Range(1, 6).Select(i => $$"""{"name":"t{{i}}","colocation_id":1}"""));

        CheckResult result = Judge(new ReplicaIdentity(), Networked, $"[{rows}]");

        Assert.Equal(6, result.Fix!.Split('\n').Length);
        Assert.Equal(6, result.Evidence.Count);
    }

    [Fact]
    public void An_invalid_index_of_a_shard_is_mended_where_it_lies_and_one_of_a_table_on_the_coordinator()
    {
        const string Shard = """{"node":"b:1","name":"i_102008","table":"t_102008","is_unique":true,"size_bytes":1,"shard_of":"t"}""";
        const string Table = """{"node":"a:1","name":"i","table":"t","is_unique":true,"size_bytes":1,"shard_of":null}""";

        Assert.Equal("REINDEX INDEX i_102008; -- on b:1: it is the index of a shard of t",
            Judge(new InvalidIndexes(), Networked, $"[{Shard}]").Fix);
        Assert.StartsWith("DROP INDEX IF EXISTS i; -- on the coordinator",
            Judge(new InvalidIndexes(), Networked, $"[{Shard},{Table}]").Fix);
        Assert.DoesNotContain("i_102008", Judge(new InvalidIndexes(), Networked, $"[{Shard},{Table}]").Fix!);
    }

    private static NodeState Node(string host, int port) => new($"{host}:{port}", host, port, port - 5432, true, null, 0, 0);

    private static CheckResult Judge(CitusCheck check, NodeState[] nodes, string? json = null, Gap? gap = null, double? limit = null)
    {
        var facts = new Facts(nodes);
        if (json is not null) facts.Add(check.Questions[0], check.Questions[0].Read(json));
        if (gap is not null) facts.Add(gap);
        return ClusterValidation.Judge(check, facts.For(nodes, limit ?? check.Threshold?.Default ?? 0));
    }
}
