using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Security;

/// <summary>Export-CitusToCsv -EscapeFormula.</summary>
public sealed class EscapeFormulaTests(ClusterFixture cluster) : ClusterTest(cluster)
{
    [Theory]
    [InlineData("")]
    [InlineData(" -Parallel")]
    public void Formulas_are_escaped_only_where_that_is_asked_for(string how)
    {
        string table = Cluster.Distribute("id bigint, \"=head\" text, amount numeric", "id");
        Cluster.Execute($"INSERT INTO {table} VALUES (1, '=cmd|'' /C calc''!A0', -5), (2, '-1+1', 2), (3, E'@a,\"b\"', NULL), (4, NULL, "
            + "1), (5, E'\\tx', -1.5), (6, '-7', 0)");
        Shell["file"] = Path.Combine(Cluster.Folder, "formulas.csv");

        Shell.Get($"Export-CitusToCsv {table} $file -EscapeFormula{how}");
        string[] escaped = Lines();
        Shell.Get($"Export-CitusToCsv {table} $file{how}");
        string[] plain = Lines();

        Assert.Equal("id,'=head,amount", escaped[0]);
        Assert.Equal(["1,'=cmd|' /C calc'!A0,-5", "2,'-1+1,2", "3,\"'@a,\"\"b\"\"\",", "4,,1", "5,'\tx,-1.5", "6,-7,0"],
            escaped[1..].Order(StringComparer.Ordinal));
        Assert.Equal("id,=head,amount", plain[0]);
        Assert.Equal(["1,=cmd|' /C calc'!A0,-5", "2,-1+1,2", "3,\"@a,\"\"b\"\"\",", "4,,1", "5,\tx,-1.5", "6,-7,0"],
            plain[1..].Order(StringComparer.Ordinal));

        string[] Lines() => File.ReadAllText((string)Shell["file"]!).TrimEnd('\n').Split('\n');
    }

    [Fact]
    public void With_an_apostrophe_as_the_quote_it_is_refused() =>
        Shell.Run("Export-CitusToCsv -Query 'SELECT 1' -Path formulas.csv -EscapeFormula -Quote \"'\"").Failed("CitusInvalidDialect");
}
