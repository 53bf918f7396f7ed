using System.Diagnostics;
using System.Management.Automation;
using Npgsql;
using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Ingest;

/// <summary>Loads that are broken off: by the user, by the web server, by the database server.</summary>
public sealed class ImportStopTests(ClusterFixture cluster) : ClusterTest(cluster)
{
    private static readonly TimeSpan Seconds = TimeSpan.FromSeconds(30); // for a busy machine; the loads would never end

    [Theory]
    [InlineData("Coordinator")]
    [InlineData("Shard")]
    public async Task Stop_in_the_middle_rolls_back_before_the_prompt_returns_and_spares_the_next_command(string route)
    {
        string table = Cluster.Distribute("id bigint, user_id bigint, note text", "user_id");
        for (int round = 0; round < 3; round++)
        {
            using var server = new DrippingServer();
            using PowerShell load = Shell.Create($"Import-CsvToCitus -Uri {server.Address} -Table {table} -Route {route}");
            Task<PSDataCollection<PSObject>> running = load.InvokeAsync();
            await RowsAreOnTheirWayAsync(load);

            var clock = Stopwatch.StartNew();
            load.Stop();
            Assert.True(clock.Elapsed < Seconds, $"the prompt came back after {clock.Elapsed}");
            await Assert.ThrowsAsync<PipelineStoppedException>(() => running);

            Assert.Equal(1L, Shell.Run("Invoke-CitusQuery 'SELECT 1::bigint FROM pg_sleep(0.1)' -As Scalar").Single.BaseObject);
            Assert.Empty(Cluster.Rows(table));
            Assert.Equal(0L, OnAllNodes($"SELECT count(*) FROM pg_stat_activity WHERE state <> 'idle' AND query LIKE 'COPY%{table}%'"));
            Assert.Equal(0L, OnAllNodes("SELECT count(*) FROM pg_prepared_xacts"));
        }
    }

    [Fact]
    public async Task Stop_while_the_server_waits_for_a_lock_comes_back_in_seconds()
    {
        string table = Cluster.Distribute("id bigint, user_id bigint, note text", "user_id");
        await using NpgsqlConnection other = Cluster.Database.OpenConnection();
        await using NpgsqlTransaction holding = other.BeginTransaction();
        await using (var command = new NpgsqlCommand($"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE", other)) command.ExecuteNonQuery();
        Shell["path"] = Cluster.File("locked.csv", "id,user_id,note\n1,1,a\n");
        using PowerShell load = Shell.Create($"Import-CsvToCitus $path {table}");
        Task<PSDataCollection<PSObject>> running = load.InvokeAsync();
        await WaitUntilAsync("the COPY waits for the lock",
            () => Cluster.Scalar($"SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'COPY%{table}%'") is > 0L);

        var clock = Stopwatch.StartNew();
        load.Stop();

        Assert.True(clock.Elapsed < Seconds, $"the prompt came back after {clock.Elapsed}");
        await Assert.ThrowsAsync<PipelineStoppedException>(() => running);
        holding.Rollback();
        Assert.Empty(Cluster.Rows(table));
    }

    [Fact]
    public void A_download_that_breaks_off_loads_nothing()
    {
        string table = Cluster.Distribute("id bigint, user_id bigint, note text", "user_id");
        using var server = new DrippingServer(@break: true);

        ErrorRecord error = Shell.Run($"Import-CsvToCitus -Uri {server.Address} -Table {table}").Failed("CitusDownloadFailed");

        Assert.Contains("503", error.Exception.Message, StringComparison.Ordinal);
        Assert.Empty(Cluster.Rows(table));
    }

    [Fact]
    public async Task A_server_that_dies_in_mid_load_is_told_and_the_other_connection_lives_on()
    {
        Cluster.RequireSandbox();
        PSObject sandbox = Shell.Run($"Start-CitusSandbox -Engine {Cluster.Sandbox!.Get("Engine")} -WorkerCount 1").Single;
        Shell["victim"] = sandbox;
        try
        {
            Shell.Get("New-DistributedTable doomed user_id -Definition 'id bigint, user_id bigint, "
                + "note text' -WarningAction SilentlyContinue");
            using var server = new DrippingServer();
            using PowerShell load = Shell.Create($"Import-CsvToCitus -Uri {server.Address} -Table doomed -Route Coordinator");
            Task<PSDataCollection<PSObject>> running = load.InvokeAsync();
            await RowsAreOnTheirWayAsync(load);
            using (var coordinator = Process.GetProcessById(((IEnumerable<int>)sandbox.Get("ProcessId")!).First())) coordinator.Kill();

            await running.WaitAsync(TimeSpan.FromSeconds(60));

            ErrorRecord error = Assert.Single(load.Streams.Error);
            Assert.StartsWith("CitusConnectionLost,", error.FullyQualifiedErrorId, StringComparison.Ordinal);
            Assert.Equal(ErrorCategory.ConnectionError, error.CategoryInfo.Category);
            Assert.Contains("Nothing of the file is in doomed", error.Exception.Message, StringComparison.Ordinal);
        }
        finally
        {
            Shell.Run("Stop-CitusSandbox $victim").Succeeded();
        }
        Assert.False(Directory.Exists((string)sandbox.Get("Path")!));
        Assert.Equal(1, Shell.Run("Invoke-CitusQuery 'SELECT 1' -As Scalar").Single.BaseObject);
    }

    private static Task RowsAreOnTheirWayAsync(PowerShell load) =>
        WaitUntilAsync("rows are on their way", () => load.Streams.Progress.Any(p => p.RecordType == ProgressRecordType.Processing));

    private static async Task WaitUntilAsync(string what, Func<bool> holds)
    {
        for (var clock = Stopwatch.StartNew(); !holds(); await Task.Delay(20))
            Assert.True(clock.Elapsed < TimeSpan.FromSeconds(60), $"waited in vain until {what}");
    }

    private long OnAllNodes(string count) => Convert.ToInt64(Cluster.Scalar("SELECT sum(result::bigint) FROM "
        + $"run_command_on_all_nodes($${count}$$)"));
}
