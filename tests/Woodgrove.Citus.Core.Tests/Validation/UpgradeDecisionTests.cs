using Woodgrove.Citus.Validation;
using Woodgrove.Citus.Validation.Checks;

namespace Woodgrove.Citus.Core.Tests.Validation;

/// <summary>What the checks before an upgrade decide over facts made up, in combinations that a test's cluster does not show.</summary>
public sealed class UpgradeDecisionTests
{
    private static readonly NodeState[] Nodes = [Node("a", 0), Node("b", 1)];

    [Theory]
    [InlineData(15, "13", CheckStatus.Warning, "PostgreSQL 16 to 18 for Citus 14", "to 16 to 17, on which Citus 13 runs too")]
    [InlineData(17, "13", CheckStatus.Passed, "PostgreSQL 16 to 18 for Citus 14", null)]
    [InlineData(14, "12", CheckStatus.Warning, "PostgreSQL 15 to 17 for Citus 13", "to 15 to 16, on which Citus 12 runs too")]
    [InlineData(18, "14", CheckStatus.Passed, "as the release notes of the next version say", null)]
    public void A_PostgreSQL_that_the_next_Citus_does_not_run_on_names_the_one_to_go_to(int server, string citus, CheckStatus status,
        string expected, string? fix)
    {
        CheckResult result = Judge(new ServerRelease(), $$"""[{"node":"a:5432","server":{{server}},"citus":"{{citus}}"}]""");

        Assert.Equal((status, expected), (result.Status, result.Expected));
        if (fix is null) Assert.Null(result.Fix);
        else Assert.Contains(fix, result.Fix, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("2.36", "2.36", "2.36", CheckStatus.Passed, null)]
    [InlineData("2.36", "2.36", "2.31", CheckStatus.Warning, "Install the same version")]
    [InlineData("2.31", "2.36", "2.36", CheckStatus.Failed, "REINDEX DATABASE \"bank\"; SET citus.enable_ddl_propagation = off; "
        + "ALTER DATABASE \"bank\" REFRESH COLLATION VERSION; RESET citus.enable_ddl_propagation; -- on a:5432")]
    public void A_collation_version_is_compared_with_the_library_then_between_nodes(string recorded, string actual, string elsewhere,
        CheckStatus status, string? fix)
    {
        CheckResult result = Judge(new CollationVersions(), $$"""
            [{"node":"a:5432","database":"bank","name":"bank","is_database":true,"recorded":"{{recorded}}","actual":"{{actual}}"},
             {"node":"b:5432","database":"bank","name":"bank","is_database":true,"recorded":"{{elsewhere}}","actual":"{{elsewhere}}"}]
            """);

        Assert.Equal(status, result.Status);
        if (fix is null) Assert.Null(result.Fix);
        else Assert.StartsWith(fix, result.Fix, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("citus", "\"14.0-1\"", CheckStatus.Failed, "ALTER EXTENSION \"citus\" UPDATE")]
    [InlineData("citus_columnar", "\"14.0-1\"", CheckStatus.Warning, "ALTER EXTENSION \"citus_columnar\" UPDATE")]
    [InlineData("rum", "null", CheckStatus.Warning, "Install the package of rum on b:5432")]
    public void An_extension_behind_its_package_is_updated_on_its_node(string extension, string available, CheckStatus status, string fix)
    {
        CheckResult result = Judge(new ExtensionVersions(),
            $$"""[{"node":"b:5432","extension":"{{extension}}","version":"13.2-1","available":{{available}},"library":"14.0.1"}]""");

        Assert.Equal(status, result.Status);
        Assert.Contains(fix, result.Fix, StringComparison.Ordinal);
    }

    [Fact]
    public void Tables_of_one_collation_stay_together_where_their_group_is_recorded_with_another()
    {
        CheckResult result = Judge(new ColocatedCollations(), """
            [{"name":"users","column":"login","collation":"\"default\"","colocation_id":1,"is_of_group":true},
             {"name":"by_c","column":"login","collation":"\"C\"","colocation_id":1,"is_of_group":false},
             {"name":"c_too","column":"login","collation":"\"C\"","colocation_id":1,"is_of_group":false},
             {"name":"alone","column":"login","collation":"\"C\"","colocation_id":2,"is_of_group":false}]
            """);

        Assert.Equal(["by_c to none", "c_too to by_c", "alone to none"], result.Fix!.Split('\n').Select(l =>
            System.Text.RegularExpressions.Regex.Replace(l, @"^.*\('(\w+)', colocate_with := '(\w+)'\);$", "$1 to $2")));
    }

    [Fact]
    public void Nodes_of_other_options_are_listed_with_them()
    {
        CheckResult result = Judge(new InitdbOptions(), """
            [{"node":"a:5432","checksums":"on","encoding":"UTF8","collate":"C","ctype":"C","wal_segment_size":"16MB"},
             {"node":"b:5432","checksums":"on","encoding":"UTF8","collate":"C","ctype":"C.UTF-8","wal_segment_size":"16MB"}]
            """);

        Assert.Equal((CheckStatus.Warning, "checksums on, UTF8, C, WAL segments of 16MB on a:5432; checksums on, UTF8, C and C.UTF-8, WAL segments of 16MB on b:5432"),
            (result.Status, result.Actual));
    }

    private static NodeState Node(string host, int group) => new($"{host}:5432", host, 5432, group, true, null, 0, 0);

    private static CheckResult Judge(CitusCheck check, string json)
    {
        var facts = new Facts(Nodes);
        facts.Add(check.Questions[0], check.Questions[0].Read(json));
        return ClusterValidation.Judge(check, facts.For(Nodes, 0));
    }
}
