using System.Management.Automation;
using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Ingest.Rejects;

/// <summary>Rows that only a worker can refuse are rejected like any others, by each way in.</summary>
public sealed class WorkerRefusalTests(ClusterFixture cluster) : ClusterTest(cluster)
{
    private const string Good = "1,1,1\n2,2,1\n", Better = "4,4,1\n5,5,1\n";

    public static TheoryData<string, string, string> Refusals => new()
    {
        { "id bigint, user_id bigint, n int, g int GENERATED ALWAYS AS (10 / n) STORED", "3,3,0\n", "22012" },
        { "id bigint, user_id bigint, n int, g smallint GENERATED ALWAYS AS (n * 2) STORED", "3,3,30000\n", "22003" },
        { "id bigint, user_id bigint, n int", "3,3,7\n", "23514" }, // no partition
        { "id bigint, user_id bigint, n text", "3,3,long\n", "54000" }, // an index row that is too long
    };

    [Theory]
    [MemberData(nameof(Refusals))]
    public void A_row_that_a_worker_refuses_is_rejected_with_its_line_and_reason(string columns, string bad, string sqlState)
    {
        Cluster.RequireCitus();
        if (sqlState == "54000")
            bad = bad.Replace("long",
                string.Concat(Enumerable.Range(0, 600).Select(i => System.Security.Cryptography.RandomNumberGenerator.GetHexString(32))),
                StringComparison.Ordinal);
        Shell["path"] = Cluster.File("refused.csv", "id,user_id,n\n" + Good + bad + Better);
        string reject = Path.Combine(Cluster.Folder, "refused-rejects.csv");
        Shell["reject"] = reject;
        foreach (string options in new[] { "-Route Coordinator", "-Route Shard", "-Route Coordinator -Checkpoint 1MB" })
        {
            string table = Create(columns, sqlState);
            RunResult skip = Shell.Run($"Import-CsvToCitus $path {table} {options} -OnError Skip -RejectPath $reject");
            Assert.Equal((4L, 1L), (skip.Single.Get("Rows"), skip.Single.Get("Rejected")));
            object row = Assert.Single((IEnumerable<object>)skip.Single.Get("Rejects")!);
            Assert.Equal((4L, sqlState), (row.Get("Line"), row.Get("SqlState")));
            Assert.Equal(4, Cluster.Count(table));
        }
        string stopped = Create(columns, sqlState);
        ErrorRecord error = Shell.Run($"Import-CsvToCitus $path {stopped} -Route Coordinator").Failed("CitusRowRefused");
        Assert.Contains(", line 4", error.Exception.Message, StringComparison.Ordinal);
        Assert.Contains($"(SQLSTATE {sqlState})", error.Exception.Message, StringComparison.Ordinal);
        Assert.Equal(0, Cluster.Count(stopped));

        string rows = Create(columns, sqlState);
        var clock = System.Diagnostics.Stopwatch.StartNew();
        Shell["lines"] = (Good + bad + Better).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        RunResult added = Shell.Run($"$lines | ForEach-Object {{ $f = $_ -split ','; [pscustomobject]@{{ id = $f[0]; user_id = $f[1]; "
            + $"n = $f[2] }} }} | Add-CitusRow {rows}");
        Assert.Contains("Row 3", added.Failed("CitusRowRefused").Exception.Message, StringComparison.Ordinal);
        Assert.Empty(added.Warnings); // it is not taken for a lost connection
        Assert.Equal(4, Cluster.Count(rows));
        Assert.InRange(clock.Elapsed.TotalSeconds, 0, 20);
    }

    private string Create(string columns, string sqlState)
    {
        string table = Cluster.NewName();
        Cluster.Execute($"CREATE TABLE {table} ({columns}){(sqlState == "23514" ? " PARTITION BY LIST (n)" : "")}");
        if (sqlState == "23514") Cluster.Execute($"CREATE TABLE {table}_1 PARTITION OF {table} FOR VALUES IN (1)");
        if (sqlState == "54000") Cluster.Execute($"CREATE INDEX ON {table} (n)");
        Cluster.Execute($"SELECT create_distributed_table('{table}', 'user_id', shard_count := 4, colocate_with := 'none')");
        return table;
    }

    [Theory]
    [InlineData("Import-CsvToCitus $path {0} -Route Coordinator", "")]
    [InlineData("Import-CsvToCitus $path {0} -Route Coordinator -OnError Skip", "")]
    [InlineData("Import-CsvToCitus $path {0} -Route Shard", "Shard 1")]
    [InlineData("Import-CsvToCitus $path {0} -Route Shard -OnError Skip", "Shard 1")]
    [InlineData("Import-CsvToCitus $path {0} -Route Worker", "OID 0")]
    [InlineData("Import-CsvToCitus $path {0} -OnConflict Update -KeyColumn id -ImportId $import", "")]
    [InlineData("$rows | Add-CitusRow {0}", "The load ended at row 1: 0 rows before it are loaded")]
    [InlineData("$rows | Add-CitusRow {0} -OnError Stop", "The load ended at row 1: 0 rows before it are loaded")]
    [InlineData("$rows | Add-CitusRow {0} -OnConflict Skip", "The load ended at row 1: 0 rows before it are loaded")]
    public void A_shard_whose_table_is_missing_is_no_fault_of_a_row(string command, string says)
    {
        Cluster.RequireCitus();
        string table = Cluster.Distribute("id bigint PRIMARY KEY, note text", "id");
        Shell["path"] = Cluster.File($"{table}.csv", "id,note\n" + string.Concat(Enumerable.Range(1, 100).Select(i => $"{i},n{i}\n")));
        Cluster.Execute($"""
            SELECT r.* FROM (SELECT * FROM citus_shards WHERE table_name = '{table}'::regclass ORDER BY nodeport DESC LIMIT 1) s,
                master_run_on_worker(ARRAY[nodename], ARRAY[nodeport],
                    ARRAY['SET citus.enable_manual_changes_to_shards = on; DROP TABLE ' || shard_name], false) r
            """);

        Shell["import"] = Guid.NewGuid();
        Shell["rows"] = Enumerable.Range(1, 9).Select(i => PSObject.AsPSObject(new { id = i, note = $"n{i}" })).ToArray();
        try
        {
            ErrorRecord error = Shell.Run(string.Format(null, command, table)).Failed("CitusTableNotFound");

            Assert.Equal(says == "OID 0" ? "XX000" : "42P01", error.Exception.Get("SqlState"));
            Assert.Contains(says, error.Exception.Message, StringComparison.Ordinal);
            if (says != "OID 0") Assert.Matches($"{table}_[0-9]+", error.Exception.Message);
            Assert.Contains("Test-CitusCluster ShardPlacements", error.Exception.Message, StringComparison.Ordinal);
            Assert.DoesNotContain("Fix the", error.Exception.Message, StringComparison.Ordinal);
            Assert.StartsWith($"1 placement(s) missing, of {table}: shard",
                (string)Shell.Run("Test-CitusCluster ShardPlacements").Single.Get("Actual")!, StringComparison.Ordinal);
        }
        finally
        {
            // Rows that wait in a staging table are kept for another run.
            if (command.Contains("$import", StringComparison.Ordinal)) Shell.Run("Remove-CitusImport $import -Confirm:$false").Succeeded();
            Cluster.Execute($"DROP TABLE {table}");
        }
    }
}
