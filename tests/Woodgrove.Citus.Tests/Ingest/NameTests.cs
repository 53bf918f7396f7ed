using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Ingest;

/// <summary>Names of a file's fields, and files without quoting.</summary>
public sealed class NameTests(ClusterFixture cluster) : ClusterTest(cluster)
{
    [Theory]
    [InlineData("id,when")]
    [InlineData("id,order,user")]
    [InlineData("id,end,group,analyse,system_user,left")]
    [InlineData("id,Mixed Case,\"quo\"\"te\",1st,größe")]
    [InlineData("id,nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn")]
    [InlineData("id,éééééééééééééééééééééééééééééééééééé")]
    public void A_table_made_from_a_file_takes_the_file(string header)
    {
        string table = Cluster.NewName(),
            file = Cluster.File("names.csv", $"{header}\n{string.Join(",", header.Split(',').Select(_ => "1"))}\n");
        Cluster.AtEnd($"DROP TABLE IF EXISTS {table}");

        Shell.Run($"$null = New-DistributedTable {table} id -FromCsv '{file}'; $null = Import-CsvToCitus '{file}' {table}").Succeeded();

        Assert.Equal(1L, Cluster.Count(table));
    }

    [Theory]
    [InlineData("id,a,a", "fields 2 and 3")]
    [InlineData("id,a,", "field 3 has no name")]
    [InlineData("id,nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnna,nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnb", "fields 2 and 3")]
    public void Names_that_make_no_table_are_refused_with_their_positions(string header, string told)
    {
        string table = Cluster.NewName(), file = Cluster.File("names.csv", $"{header}\n1,2,3\n");

        Assert.Contains(told, Shell.Run($"New-DistributedTable {table} id -FromCsv '{file}'")
            .Failed("CitusDuplicateColumn").Exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_field_name_used_twice_is_ambiguous_and_its_number_is_not()
    {
        string table = Cluster.Distribute("id bigint, name text", "id"), file = Cluster.File("twice.csv", "id,name,name\n1,first,second\n");

        Assert.Contains("fields 2 and 3",
            Shell.Run($"Import-CsvToCitus '{file}' {table} -SkipColumn name").Failed("CitusDuplicateColumn").Exception.Message,
            StringComparison.Ordinal);
        Assert.Contains("fields 2 and 3", Shell.Run($"Import-CsvToCitus '{file}' {table}").Failed("CitusDuplicateColumn").Exception.Message,
            StringComparison.Ordinal);
        Shell.Run($"Import-CsvToCitus '{file}' {table} -SkipColumn 3").Succeeded();

        Assert.Equal(["1\tfirst"], Cluster.Rows(table));
    }

    [Fact]
    public void A_field_that_only_the_rows_have_is_left_out_by_its_number()
    {
        string table = Cluster.Distribute("id bigint, name text", "id"), file = Cluster.File("ends.csv", "id,name\n1,a,\n2,b,\n");

        Shell.Run($"Import-CsvToCitus '{file}' {table} -SkipColumn 3").Succeeded();

        Assert.Equal(["1\ta", "2\tb"], Cluster.Rows(table));
    }

    [Fact]
    public void A_file_without_quoting_is_read_with_no_quote()
    {
        string table = Cluster.Distribute("id bigint, t text", "id"), file = Cluster.File("inches.csv", "id,t\n1,pipe 5\" long\n2,ok\n");

        Assert.Contains("-Quote $null", Shell.Run($"Import-CsvToCitus '{file}' {table}").Failed("CitusUnterminatedQuote").Exception.Message,
            StringComparison.Ordinal);
        Shell.Run($"Import-CsvToCitus '{file}' {table} -Quote $null").Succeeded();

        Assert.Equal(["1\tpipe 5\" long", "2\tok"], Cluster.Rows(table));
    }

    [Fact]
    public void A_refused_value_is_shown_as_the_file_has_it()
    {
        string table = Cluster.Distribute("id bigint, a numeric, i int", "id"),
            file = Cluster.File("value.csv", "id;skipped;a;i\n1;x;1,5;2\n2;y;\"1.234,5\";\"1,5\"\n");

        var error = Shell.Run($"Import-CsvToCitus '{file}' {table} -Delimiter ';' -Culture de-DE -SkipColumn skipped")
            .Failed("CitusRowRefused");

        Assert.Equal(("i", "1,5", 3L),
            (error.Exception.Get("Row")!.Get("Column"), error.Exception.Get("Row")!.Get("Value"), error.Exception.Get("Row")!.Get("Line")));
    }
}
