using System.Management.Automation;
using Npgsql;
using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Safety;

/// <summary>A batch that is decided is carried out on every node, whatever happens to sessions, servers and the table meanwhile.</summary>
public sealed class DecisionTests : IClassFixture<FaultCluster>, IDisposable
{
    private readonly FaultCluster _faults;
    private readonly FaultyLoad _load;

    public DecisionTests(FaultCluster faults)
    {
        faults.Require();
        _faults = faults;
        _load = new FaultyLoad(faults);
        faults.Shell["direct"] = faults.ConnectionString();
        faults.Shell.Run("$null = Connect-CitusCluster -ConnectionString $direct -Name direct").Succeeded();
    }

    public void Dispose() => _load.Dispose();

    [Theory]
    [InlineData("alter_distributed_table('{0}', shard_count := 6)")]
    [InlineData("undistribute_table('{0}')")]
    [InlineData("alter_table_set_access_method('{0}', 'columnar')")]
    public async Task A_table_whose_rows_are_decided_and_not_yet_committed_can_not_be_replaced(string function)
    {
        _faults.Execute("CREATE EXTENSION IF NOT EXISTS citus_columnar");
        string table = _faults.Distribute(),
            change = $"SELECT {string.Format(System.Globalization.CultureInfo.InvariantCulture, function, table)}";
        Guid import = Guid.NewGuid();
        await _load.KillAtAsync($"{table} -Route Shard -ImportId {import}", _load.Workers[0], "COMMIT PREPARED");
        Assert.NotEqual(300_000L, _faults.Scalar($"SELECT count(*) FROM {table}")); // the fault is there
        Assert.Equal("Pending", Shell($"Get-CitusImport {import} -Connection direct").Single.Get("State")!.ToString());
        // It waits for the guard. Without one it would have copied the rows by now, and wait only to drop the shards.
        Task changing = Task.Run(() => _faults.Execute(change), TestContext.Current.CancellationToken);
        object? waiting = 0L;
        for (int attempt = 0; attempt < 100 && waiting is 0L && !changing.IsCompleted; attempt++)
        {
            await Task.Delay(50, TestContext.Current.CancellationToken);
            waiting = _faults.Scalar($"SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = '{table}'::regclass");
        }

        RunResult repair = Shell("Repair-CitusImport -Connection direct").Succeeded();

        Assert.Contains(repair.Output, s => s.Get("Action")!.ToString() == "Committed");
        await changing;
        _faults.AssertLoaded(table);
        Assert.Equal(1L, waiting);
        Assert.Equal("Complete", Shell($"Get-CitusImport {import} -Connection direct").Single.Get("State")!.ToString());
    }

    [Fact]
    public async Task An_import_is_not_removed_before_every_node_has_committed()
    {
        string table = _faults.Distribute();
        Guid import = Guid.NewGuid();
        await _load.KillAtAsync($"{table} -Route Shard -ImportId {import}", _load.Workers[1], "COMMIT PREPARED");
        _faults.Workers[1].Kill();
        try
        {
            ErrorRecord error = Shell($"Remove-CitusImport {import} -Connection direct").Failed("CitusImportPending");
            Assert.Contains($"127.0.0.1:{_faults.Workers[1].Port}", error.Exception.Message, StringComparison.Ordinal);
        }
        finally
        {
            await _faults.Workers[1].StartAsync();
        }
        Assert.Equal("Pending", Shell($"Get-CitusImport {import} -Connection direct").Single.Get("State")!.ToString());

        Shell($"Remove-CitusImport {import} -Connection direct").Succeeded(); // commits the rest first

        _faults.AssertLoaded(table);
        Assert.Empty(Shell($"Get-CitusImport {import} -Connection direct").Output);
    }

    [Fact]
    public async Task Listing_imports_changes_nothing()
    {
        string table = _faults.Distribute();
        Guid import = Guid.NewGuid();
        await _load.KillAtAsync($"{table} -Route Shard -ImportId {import}", _load.Workers[0], "COMMIT PREPARED");
        string[] before = Prepared();
        Assert.NotEmpty(before);

        Shell("Get-CitusImport -Connection direct").Succeeded();

        Assert.Equal(before, Prepared());
        Shell("Repair-CitusImport -Connection direct").Succeeded();
        _faults.AssertLoaded(table);
    }

    [Fact]
    public async Task A_guard_that_is_lost_before_the_decision_lets_nothing_be_committed_by_it()
    {
        string table = _faults.Distribute();
        _load.Workers[0].CutAt("PREPARE TRANSACTION", 0, CutMoment.Held);
        using PowerShell load = _load.Start($"{table} -Route Shard -ImportId {Guid.NewGuid()}");
        Task<PSDataCollection<PSObject>> running = load.InvokeAsync();
        await _load.Workers[0].Held.WaitAsync(TimeSpan.FromMinutes(1), TestContext.Current.CancellationToken);
        object? ended = _faults.Scalar($"""
            SELECT count(pg_terminate_backend(pid)) FROM pg_locks
            WHERE locktype = 'relation' AND relation = '{table}'::regclass AND mode = 'RowExclusiveLock' AND pid IS NOT NULL
            """);
        Assert.Equal(1L, ended);
        Task alter = Task.Run(() => _faults.Execute($"SELECT alter_distributed_table('{table}', shard_count := 6)"),
            TestContext.Current.CancellationToken);
        await Task.Delay(500, TestContext.Current.CancellationToken);
        _load.Workers[0].Release();

        PSDataCollection<PSObject> results = await running.WaitAsync(TimeSpan.FromMinutes(4), TestContext.Current.CancellationToken);
        await alter;

        // The batch is tried again. The table has been replaced by then, or is not yet: an error that says so, or all rows.
        if (results.Count == 1) _faults.AssertLoaded(table);
        else
        {
            ErrorRecord error = Assert.Single(load.Streams.Error);
            Assert.Contains(error.FullyQualifiedErrorId.Split(',')[0], new[] { "CitusTableReplaced", "CitusImportTableChanged" });
            Assert.Equal(0L, _faults.Scalar($"SELECT count(*) FROM {table}"));
        }
        Assert.Empty(Prepared());
    }

    [Theory]
    [InlineData("Shard", "PREPARE TRANSACTION")]
    [InlineData("Shard", "COMMIT PREPARED")]
    [InlineData("Worker", "INSERT INTO woodgrove.import_part")]
    [InlineData("Coordinator", "INSERT INTO woodgrove.import_batch")]
    public async Task Time_limits_of_the_server_do_not_end_a_load_that_waits(string route, string sql)
    {
        TcpProxy node = route == "Coordinator" ? _load.Coordinator : _load.Workers[0];
        string table = _faults.Distribute();
        _faults.Execute("ALTER ROLE postgres SET idle_in_transaction_session_timeout = '500ms'; "
            + "ALTER ROLE postgres SET statement_timeout = '1500ms'");
        // Of connections that Citus keeps between nodes it ends those that are idle, and Citus then fails on them.
        if (route == "Shard") _faults.Execute("ALTER ROLE postgres SET idle_session_timeout = '2s'");
        try
        {
            node.CutAt(sql, 0, CutMoment.Held);
            using PowerShell load = _load.Start($"{table} -Route {route} -ImportId {Guid.NewGuid()}");
            Task<PSDataCollection<PSObject>> running = load.InvokeAsync();
            await node.Held.WaitAsync(TimeSpan.FromMinutes(1), TestContext.Current.CancellationToken);
            await Task.Delay(3000, TestContext.Current.CancellationToken);
            node.Release();

            await FaultyLoad.EndsWellAsync(load, running);

            Assert.Empty(load.Streams.Warning);
        }
        finally
        {
            _faults.Execute("ALTER ROLE postgres RESET ALL");
        }
        _faults.AssertLoaded(table);
    }

    [Fact]
    public async Task A_decision_is_on_disk_before_any_node_commits_though_commits_are_asynchronous()
    {
        string table = _faults.Distribute();
        Guid import = Guid.NewGuid();
        CommitAsynchronously();
        try
        {
            _load.Workers[0].CutAt("COMMIT PREPARED", 0, CutMoment.Held);
            using System.Diagnostics.Process load = _load.StartProcess($"{table} -Route Shard -ImportId {import}");
            await _load.Workers[0].Held.WaitAsync(TimeSpan.FromMinutes(2), TestContext.Current.CancellationToken);
            _faults.Coordinator.Kill(); // what only its memory had is lost
            load.Kill();
            await load.WaitForExitAsync(TestContext.Current.CancellationToken);
            _load.Workers[0].Cut(TimeSpan.Zero);
            await _faults.Coordinator.StartAsync();
            Assert.Equal(1L, _faults.Scalar($"SELECT count(*) FROM woodgrove.import_batch WHERE import_id = '{import}'"));
        }
        finally
        {
            CommitAsUsual();
        }
        Shell("Repair-CitusImport -Connection direct").Succeeded();
        _faults.AssertLoaded(table);
        Shell($"Import-CsvToCitus '{_faults.Csv}' {table} -Route Shard -ImportId {import} -Connection direct")
            .Failed("CitusImportComplete");
        _faults.AssertLoaded(table);
    }

    [Fact]
    public async Task A_batch_by_the_coordinator_and_its_decision_survive_a_crash_together_though_commits_are_asynchronous()
    {
        string table = _faults.Distribute();
        Guid import = Guid.NewGuid();
        CommitAsynchronously();
        try
        {
            _load.Coordinator.CutAt("COMMIT\0", 1, CutMoment.After); // the first creates the ledger, or is another batch's
            using PowerShell load = _load.Start($"{table} -Route Coordinator -Checkpoint 2MB -ImportId {import}");
            Task<PSDataCollection<PSObject>> running = load.InvokeAsync();
            while (_load.Coordinator.Cuts == 0 && !running.IsCompleted) await Task.Delay(1, TestContext.Current.CancellationToken);
            _load.Coordinator.Cut(TimeSpan.FromSeconds(4));
            object? before = 0L, rows = 0L;
            for (int attempt = 0; attempt < 40 && (before is 0L || !Equals(before, rows)); attempt++)
            {
                (before, rows) = (rows, _faults.Scalar($"SELECT count(*) FROM {table}"));
                await Task.Delay(50, TestContext.Current.CancellationToken);
            }
            Assert.NotEqual(0L, rows); // nodes have committed
            _faults.Coordinator.Kill(); // what only its memory had is lost
            await _faults.Coordinator.StartAsync();
            Assert.Equal(rows, _faults.Scalar($"SELECT sum(rows)::bigint FROM woodgrove.import_batch WHERE import_id = '{import}'"));
            await FaultyLoad.EndsWellAsync(load, running);
        }
        finally
        {
            CommitAsUsual();
        }
        _faults.AssertLoaded(table);
    }

    [Fact]
    public async Task A_prepared_transaction_that_somebody_else_has_rolled_back_is_an_error()
    {
        string table = _faults.Distribute();
        _load.Workers[0].CutAt("COMMIT PREPARED", 0, CutMoment.Held);
        using PowerShell load = _load.Start($"{table} -Route Shard -ImportId {Guid.NewGuid()}");
        Task<PSDataCollection<PSObject>> running = load.InvokeAsync();
        await _load.Workers[0].Held.WaitAsync(TimeSpan.FromMinutes(1), TestContext.Current.CancellationToken);
        string[] left = RunOn(_faults.Workers[0].Port, "SELECT gid FROM pg_prepared_xacts WHERE starts_with(gid, 'woodgrove_')");
        Assert.NotEmpty(left);
        foreach (string gid in left) RunOn(_faults.Workers[0].Port, $"ROLLBACK PREPARED '{gid}'");
        _load.Workers[0].Release();

        Assert.Empty(await running.WaitAsync(TimeSpan.FromMinutes(2), TestContext.Current.CancellationToken));

        ErrorRecord error = Assert.Single(load.Streams.Error);
        Assert.StartsWith("CitusPreparedTransactionLost,", error.FullyQualifiedErrorId, StringComparison.Ordinal);
        Assert.Contains(left, gid => error.Exception.Message.Contains(gid, StringComparison.Ordinal));
        Shell("Repair-CitusImport -Connection direct").Succeeded(); // the guard
    }

    private RunResult Shell(string script) => _faults.Shell.Run(script);

    private string[] Prepared() =>
        [.. _faults.Workers.Append(_faults.Coordinator)
            .SelectMany(n => RunOn(n.Port, "SELECT gid FROM pg_prepared_xacts WHERE starts_with(gid, 'woodgrove_') ORDER BY 1"))];

    private string[] RunOn(int port, string sql)
    {
        using var session = new NpgsqlConnection(_faults.ConnectionString(port) + ";Pooling=false");
        session.Open();
        using var command = new NpgsqlCommand(sql, session);
        using NpgsqlDataReader row = command.ExecuteReader();
        var rows = new List<string>();
        while (row.Read()) rows.Add(row.GetString(0));
        return [.. rows];
    }

    /// <summary>A commit is reported before it is on disk, where it comes seconds later.</summary>
    private void CommitAsynchronously() => Configure("SET synchronous_commit = off", "SET wal_writer_delay = '10s'");

    private void CommitAsUsual() => Configure("RESET synchronous_commit", "RESET wal_writer_delay");

    private void Configure(params string[] settings)
    {
        foreach (string setting in settings) _faults.Execute($"ALTER SYSTEM {setting}");
        _faults.Execute("SELECT pg_reload_conf()");
    }
}
