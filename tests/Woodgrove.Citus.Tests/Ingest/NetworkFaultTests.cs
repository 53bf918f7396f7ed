using System.Collections;
using System.Management.Automation;
using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Ingest;

/// <summary>The network between the client and the nodes is cut, at any moment and at the worst ones.</summary>
public sealed class NetworkFaultTests : IClassFixture<FaultCluster>, IDisposable
{
    private readonly FaultCluster _faults;
    private readonly ITestOutputHelper _output;
    private readonly TcpProxy[] _proxies; // the coordinator's first

    public NetworkFaultTests(FaultCluster faults, ITestOutputHelper output)
    {
        faults.Require();
        (_faults, _output) = (faults, output);
        _proxies = [new TcpProxy(faults.Coordinator.Port), .. faults.Workers.Select(w => new TcpProxy(w.Port))];
    }

    public void Dispose()
    {
        foreach (TcpProxy proxy in _proxies) proxy.Dispose();
    }

    [Theory]
    [InlineData("Shard")]
    [InlineData("Coordinator")]
    public async Task Cut_at_random_the_load_goes_on_by_itself(string route)
    {
        Random random = FaultCluster.Chance(_output);
        for (int round = 0; round < 5; round++)
        {
            string table = _faults.Distribute();
            using PowerShell load = Start($"{table} -Route {route} -Checkpoint 256KB");
            Task<PSDataCollection<PSObject>> running = load.InvokeAsync();
            await _faults.UnderWayAsync(running);
            for (int cut = 0; cut < 2; cut++)
            {
                await Task.Delay(random.Next(0, 600), TestContext.Current.CancellationToken);
                if (!running.IsCompleted)
                    _proxies[route == "Shard" ? random.Next(3) : 0].Cut(TimeSpan.FromMilliseconds(random.Next(0, 1500)));
            }
            await EndsWellAsync(load, running, table);
        }
        _output.WriteLine($"{_proxies.Sum(p => p.Cuts)} cuts");
    }

    [Theory]
    [InlineData("Shard", "PREPARE TRANSACTION", 1)]
    [InlineData("Shard", "COMMIT PREPARED", 1)]
    [InlineData("Shard", "PREPARE TRANSACTION", 0)]
    [InlineData("Shard", "INSERT INTO woodgrove.import_batch", 0)]
    [InlineData("Shard", "UPDATE woodgrove.import_batch", 0)]
    [InlineData("Shard", "ROLLBACK PREPARED", 0)]
    [InlineData("Coordinator", "INSERT INTO woodgrove.import_batch", 0)]
    [InlineData("Coordinator", "COMMIT\0", 0)]
    public async Task Cut_in_the_commit_the_load_goes_on_by_itself(string route, string sql, int proxy)
    {
        Random random = FaultCluster.Chance(_output);
        foreach (CutMoment moment in new[] { CutMoment.Before, CutMoment.After })
        {
            string table = _faults.Distribute();
            int cutsBefore = _proxies[proxy].Cuts;
            _proxies[proxy].CutAt(sql, random.Next(1, 7), moment);
            using PowerShell load = Start($"{table} -Route {route} -Checkpoint 1MB");
            await EndsWellAsync(load, load.InvokeAsync(), table);
            Assert.Equal(cutsBefore + 1, _proxies[proxy].Cuts);
        }
    }

    [Theory]
    [InlineData("pg_control_system", 0)] // finding the coordinator
    [InlineData("pg_dist_partition", 0)] // reading the table
    [InlineData("pg_prepared_xacts", 1)] // recovery
    [InlineData("pg_try_advisory_lock", 0)] // opening the ledger
    [InlineData("lock_relation_if_exists", 0)] // the guard
    [InlineData("lock_shard_metadata", 2)] // a shard
    public async Task Cut_while_the_load_is_planned_it_goes_on_by_itself(string sql, int proxy)
    {
        string table = _faults.Distribute();
        using PowerShell load = Start($"{table} -Route Shard -Checkpoint 4MB");
        _proxies[proxy].CutAt(sql, 0, CutMoment.Before);
        await EndsWellAsync(load, load.InvokeAsync(), table);
        Assert.Equal(1, _proxies[proxy].Cuts);
    }

    [Fact]
    public async Task Cut_again_and_again_a_load_that_gets_further_each_time_goes_on()
    {
        string table = _faults.Distribute();
        _proxies[0].CutAt("COMMIT\0", 0, CutMoment.After, times: 10);
        using PowerShell load = Start($"{table} -Route Coordinator -Checkpoint 256KB");
        PSObject result = await EndsWellAsync(load, load.InvokeAsync(), table);
        Assert.Equal((10, 300_000L), (_proxies[0].Cuts, result.Get("Rows")));
    }

    [Theory]
    [InlineData("Shard", "INSERT INTO woodgrove.import_batch")]
    [InlineData("Coordinator", "COMMIT\0")]
    public async Task Cut_in_the_last_commit_the_load_still_knows_that_it_is_complete(string route, string sql)
    {
        string table = _faults.Distribute();
        // One batch: its commit is the last.
        _proxies[0].CutAt(sql, 0, CutMoment.After);
        using PowerShell load = Start($"{table} -Route {route} -ImportId {Guid.NewGuid()}");
        PSObject result = await EndsWellAsync(load, load.InvokeAsync(), table);
        Assert.Equal(1, _proxies[0].Cuts);
        Assert.Equal(300_000L, result.Get("Rows"));
        Assert.Equal(new FileInfo(_faults.Csv).Length, result.Get("Bytes"));
    }

    [Fact]
    public async Task Cut_in_the_commit_of_the_merge_the_load_still_knows_what_it_moved()
    {
        string table = _faults.Distribute();
        _faults.Execute($"ALTER TABLE {table} ADD PRIMARY KEY (id, user_id)");
        using (PowerShell first = Start(table)) await EndsWellAsync(first, first.InvokeAsync(), table);
        _faults.Execute($"DELETE FROM {table} WHERE id < 1000");
        // The first commits are the staging table's and the batch's.
        _proxies[0].CutAt("COMMIT\0", 2, CutMoment.After);
        using PowerShell load = Start($"{table} -Route Coordinator -OnConflict Skip");
        PSObject result = await EndsWellAsync(load, load.InvokeAsync(), table);
        Assert.Equal(1, _proxies[0].Cuts);
        Assert.Equal((999L, 299_001L), (result.Get("Rows"), result.Get("Conflicts")));
        Assert.Equal(0L, _faults.Scalar("SELECT count(*) FROM pg_class WHERE relname LIKE 'staging_%'"));
    }

    [Fact]
    public async Task A_node_that_is_away_after_the_decision_is_waited_for_though_another_route_would_be_free()
    {
        string table = _faults.Distribute();
        _proxies[0].CutAt("INSERT INTO woodgrove.import_batch", 0, CutMoment.After);
        using PowerShell load = Start(table); // Auto, and no name that a ledger would be kept for
        Task<PSDataCollection<PSObject>> running = load.InvokeAsync();
        while (_proxies[0].Cuts == 0 && !running.IsCompleted) await Task.Delay(1, TestContext.Current.CancellationToken);
        _proxies[1].Cut(TimeSpan.FromSeconds(4));
        PSObject result = await EndsWellAsync(load, running, table);
        Assert.Equal((1, 300_000L), (_proxies[0].Cuts, result.Get("Rows")));
    }

    [Fact]
    public async Task What_a_server_prepares_only_after_its_batch_was_loaded_again_is_rolled_back()
    {
        string table = _faults.Distribute();
        _proxies[1].CutAt("PREPARE TRANSACTION", 1, CutMoment.Late);
        using PowerShell load = Start($"{table} -Route Shard -ImportId {Guid.NewGuid()}");
        Task<PSDataCollection<PSObject>> running = load.InvokeAsync();
        await EndsWellAsync(load, running, table);

        _proxies[1].Release();
        const string prepared = "SELECT sum(result::bigint)::bigint FROM run_command_on_all_nodes('SELECT count(*) FROM "
            + "pg_prepared_xacts WHERE starts_with(gid, ''woodgrove_'')')";
        while (_faults.Scalar(prepared) is 0L) await Task.Delay(10, TestContext.Current.CancellationToken);
        PSObject step = _faults.Shell.Run("Repair-CitusImport -Connection faulty").Single;
        Assert.Equal("RolledBack", step.Get("Action")!.ToString());

        _faults.AssertLoaded(table);
    }

    [Theory]
    [InlineData("COMMIT\0", CutMoment.Before)]
    [InlineData("COMMIT\0", CutMoment.After)]
    [InlineData("COPY ", CutMoment.Before)]
    public async Task Cut_from_under_single_rows_their_batches_are_sent_again_and_no_row_twice(string sql, CutMoment moment)
    {
        Random random = FaultCluster.Chance(_output);
        string table = _faults.Distribute();
        _proxies[0].CutAt(sql, random.Next(0, 4), moment, times: 3);
        using PowerShell load = AddRows(table);

        PSObject result = await EndsWellAsync(load, load.InvokeAsync(), table);

        Assert.Equal((3, 300_000L, 0L), (_proxies[0].Cuts, result.Get("Rows"), result.Get("Conflicts")));
    }

    [Fact]
    public async Task Cut_at_random_from_under_single_rows_none_is_lost_and_none_comes_twice()
    {
        Random random = FaultCluster.Chance(_output);
        string table = _faults.Distribute();
        using PowerShell load = AddRows(table);
        Task<PSDataCollection<PSObject>> running = load.InvokeAsync();
        while (!running.IsCompleted)
        {
            await Task.Delay(random.Next(300, 1500), TestContext.Current.CancellationToken);
            if (!running.IsCompleted && _proxies[0].Cuts < 8) _proxies[0].Cut(TimeSpan.FromMilliseconds(random.Next(0, 300)));
        }
        PSObject result = await EndsWellAsync(load, running, table);
        _output.WriteLine($"{_proxies[0].Cuts} cuts");
        Assert.Equal(300_000L, result.Get("Rows"));
    }

    [Fact]
    public async Task Cut_for_good_the_error_says_which_rows_to_send_again()
    {
        string table = _faults.Distribute();
        using PowerShell load = AddRows(table);
        Task<PSDataCollection<PSObject>> running = load.InvokeAsync();
        while (!running.IsCompleted && _faults.Scalar($"SELECT count(*) FROM {table}") is 0L)
            await Task.Delay(5, TestContext.Current.CancellationToken);
        _proxies[0].Cut(TimeSpan.FromDays(1));

        Assert.Empty(await running);

        ErrorRecord error = Assert.Single(load.Streams.Error);
        Assert.StartsWith("CitusConnectionLost,", error.FullyQualifiedErrorId, StringComparison.Ordinal);
        long loaded = (long)_faults.Scalar($"SELECT count(*) FROM {table}")!;
        _output.WriteLine(error.Exception.Message);
        // Where the cut hit a commit, its batch may be loaded too.
        bool isInDoubt = error.Exception.Message.Contains("lost during COMMIT", StringComparison.Ordinal);
        Assert.Contains(isInDoubt ? new[] { loaded, loaded - 20_000 } : [loaded], before =>
            error.Exception.Message.Contains($"was interrupted at row {before + 1}: {before} rows before it are loaded",
                StringComparison.Ordinal));
        Assert.Equal(6, load.Streams.Warning.Count);
    }

    private PowerShell AddRows(string table)
    {
        _faults.Shell["text"] = _faults.ConnectionString(_proxies[0].Port);
        return _faults.AddRows("$null = Connect-CitusCluster -ConnectionString $text -Name faulty",
            $"{table} -BatchSize 20000 -Connection faulty");
    }

    private async Task<PSObject> EndsWellAsync(PowerShell load, Task<PSDataCollection<PSObject>> running, string table)
    {
        PSDataCollection<PSObject> results = await running.WaitAsync(TimeSpan.FromSeconds(240), TestContext.Current.CancellationToken);
        foreach (WarningRecord warning in load.Streams.Warning) _output.WriteLine(warning.Message);
        Assert.True(load.Streams.Error.Count == 0,
            string.Join('\n', load.Streams.Error.Select(e => $"{e.FullyQualifiedErrorId}: {e.Exception}")));
        _faults.AssertLoaded(table);
        return Assert.Single(results);
    }

    private PowerShell Start(string load)
    {
        int[] ports = [_faults.Coordinator.Port, .. _faults.Workers.Select(w => w.Port)];
        var addresses = new Hashtable();
        for (int i = 0; i < ports.Length; i++) addresses[$"127.0.0.1:{ports[i]}"] = $"127.0.0.1:{_proxies[i].Port}";
        _faults.Shell["nodes"] = addresses;
        _faults.Shell["csv"] = _faults.Csv;
        _faults.Shell["to"] = _faults.ConnectionString(_proxies[0].Port);
        _faults.Shell.Run("Connect-CitusCluster -ConnectionString $to -Name faulty").Succeeded();
        return _faults.Shell.Create($"Import-CsvToCitus $csv -Connection faulty -NodeAddress $nodes -Table {load}");
    }
}
