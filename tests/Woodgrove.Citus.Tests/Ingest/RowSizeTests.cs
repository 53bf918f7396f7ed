using System.Globalization;
using System.Management.Automation;
using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Ingest;

/// <summary>Long rows: their memory is bounded in bytes, however many rows make a batch.</summary>
public sealed class RowSizeTests(ClusterFixture cluster, ITestOutputHelper output) : ClusterTest(cluster)
{
    [Fact]
    public void A_row_that_is_longer_than_allowed_is_refused_and_the_others_are_loaded()
    {
        string table = Cluster.Distribute("id bigint, note text", "id");
        RunResult result = Shell.Run($"1..5 | ForEach-Object {{ [pscustomobject]@{{ id = $_; note = 'x' * ($_ -eq 3 ? 3000 : "
            + $"1000) }} }} | Add-CitusRow {table} -MaxRecordSize 2000");
        ErrorRecord refused = result.Failed("CitusRowRefused");
        Assert.Contains("Row 3: its values are longer than 2,000 bytes", refused.Exception.Message, StringComparison.Ordinal);
        Assert.Equal((4L, 1L), (Assert.Single(result.Output).Get("Rows"), result.Output[0].Get("Rejected")));
        Assert.Equal(["1", "2", "4", "5"], Cluster.Rows(table, "id"));
    }

    [Fact]
    public async Task Rows_of_20_MB_are_loaded_in_bounded_memory()
    {
        string table = Cluster.Distribute("id bigint, note text", "id");
        (_, string told, string error) = await Repository.RunScriptAsync($$"""
            $null = Connect-CitusCluster -ConnectionString '{{Cluster.ConnectionString}}'
            $note = 'x' * 20MB
            $result = 1..60 | ForEach-Object { [pscustomobject]@{ id = $_; note = $note } } | Add-CitusRow {{table}}
            "$($result.Rows) $($result.Batches) $([Diagnostics.Process]::GetCurrentProcess().PeakWorkingSet64)"
            """);
        Assert.Equal("", error);
        output.WriteLine(told);
        string[] parts = told.Split(' ');
        Assert.Equal("60", parts[0]);
        Assert.InRange(int.Parse(parts[1], CultureInfo.InvariantCulture), 10, 60);
        // all 60 rows with their copies would take more than twice as much
        Assert.InRange(long.Parse(parts[2], CultureInfo.InvariantCulture), 0, 1_200_000_000);
        Assert.Equal(60L * 20 * 1024 * 1024, Cluster.Scalar($"SELECT sum(length(note))::bigint FROM {table}"));
    }
}
