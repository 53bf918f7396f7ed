using System.Globalization;
using System.Management.Automation;
using System.Text.RegularExpressions;
using Npgsql;
using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Safety;

/// <summary>A standby of the coordinator takes over in the middle of a load: what the help promises is what happens.</summary>
public sealed partial class FailoverTests : IClassFixture<FaultCluster>, IDisposable
{
    private readonly FaultCluster _faults;
    private readonly FaultyLoad _load;
    private readonly ITestOutputHelper _output;

    public FailoverTests(FaultCluster faults, ITestOutputHelper output)
    {
        faults.Require();
        (_faults, _output) = (faults, output);
        _load = new FaultyLoad(faults);
    }

    public void Dispose() => _load.Dispose();

    [Fact]
    public async Task A_synchronous_standby_has_every_decision_and_the_load_goes_on_by_itself()
    {
        string table = _faults.Distribute(), expected = (string)_faults.Scalar(Content("expected"))!;
        using CopiedServer standby = CopiedServer.Start(_faults.Coordinator, isStandby: true, "standby1");
        _faults.Execute("ALTER SYSTEM SET synchronous_standby_names = 'standby1'");
        _faults.Execute("SELECT pg_reload_conf()");
        Guid import = Guid.NewGuid();
        string batches = $"SELECT count(*) FROM woodgrove.import_batch WHERE import_id = '{import}'";
        bool isOver = false;
        try
        {
            for (int attempt = 0; (_faults.Scalar("SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'") is not 1L)
                && attempt < 100; attempt++)
                await Task.Delay(50, TestContext.Current.CancellationToken);
            // Decided, and some nodes have not yet committed, when the coordinator is lost for good.
            _load.Workers[1].CutAt("COMMIT PREPARED", 2, CutMoment.Held);
            using PowerShell load = _load.Start($"{table} -Route Shard -Checkpoint 2MB -ImportId {import}");
            Task<PSDataCollection<PSObject>> running = load.InvokeAsync();
            await _load.Workers[1].Held.WaitAsync(TimeSpan.FromMinutes(1), TestContext.Current.CancellationToken);

            _faults.Coordinator.Kill();
            standby.Promote();
            Scalar(standby.Port, "ALTER SYSTEM RESET synchronous_standby_names");
            Scalar(standby.Port, "SELECT pg_reload_conf()");
            Register(standby, standby.Port);
            isOver = true;
            object decided = Scalar(standby.Port, batches)!;
            Assert.NotEqual(0L, decided);
            _load.Coordinator.Redirect(standby.Port); // as a virtual address does
            _load.Workers[1].Release();

            PSDataCollection<PSObject> results = await running.WaitAsync(TimeSpan.FromMinutes(4), TestContext.Current.CancellationToken);
            foreach (WarningRecord warning in load.Streams.Warning) _output.WriteLine(warning.Message);
            Assert.True(load.Streams.Error.Count == 0,
                string.Join('\n', load.Streams.Error.Select(e => $"{e.FullyQualifiedErrorId}: {e.Exception}")));
            Assert.Equal(300_000L, Assert.Single(results).Get("Rows"));
            Assert.True((long)Scalar(standby.Port, batches)! > (long)decided); // the rest of it is the standby's work
            Assert.Equal(expected, Scalar(standby.Port, Content(table)));
            Assert.Equal("", Scalar(standby.Port, Prepared));
        }
        finally
        {
            // The class's other tests have the original again.
            if (isOver) Register(standby, _faults.Coordinator.Port);
            await _faults.Coordinator.StartAsync();
            _faults.Execute("ALTER SYSTEM RESET synchronous_standby_names");
            _faults.Execute("SELECT pg_reload_conf()");
        }
    }

    [Fact]
    public async Task A_load_that_lives_through_the_promotion_of_a_standby_that_lags_writes_the_lost_decision_again()
    {
        string table = _faults.Distribute(), expected = (string)_faults.Scalar(Content("expected"))!;
        using CopiedServer standby = CopiedServer.Start(_faults.Coordinator, isStandby: true);
        Guid import = Guid.NewGuid();
        string batches = $"SELECT count(*) || ' ' || sum(rows) FROM woodgrove.import_batch WHERE import_id = '{import}' AND NOT is_pending";
        try
        {
            using PowerShell load = _load.Start($"{table} -Route Shard -Checkpoint 2MB -ImportId {import}");
            Task<PSDataCollection<PSObject>> running = load.InvokeAsync();
            await HoldTheSecondBatchAsync(standby, import, running);
            object? known = Scalar(standby.Port, batches);

            await PromoteAsync(standby);
            Assert.Equal(known, Scalar(standby.Port, batches)); // what the primary has decided since is lost
            Assert.True(Scalar(standby.Port, $"SELECT count(*) FROM {table}") is long count && count > 45_000,
                "no node had carried out the lost decision");
            _load.Coordinator.Redirect(standby.Port);
            _load.Coordinator.Cut(TimeSpan.Zero);
            _load.Workers[1].Release();

            PSObject result = await FaultyLoad.EndsWellAsync(load, running);
            Assert.Equal(300_000L, result.Get("Rows"));
            Assert.Equal(expected, Scalar(standby.Port, Content(table)));
            Assert.EndsWith(" 300000", (string)Scalar(standby.Port, batches)!, StringComparison.Ordinal);
            Assert.Equal("", Scalar(standby.Port, Prepared));
            Connect(standby.Port);
            _faults.Shell.Run($"Import-CsvToCitus $csv {table} -Route Shard -Checkpoint 2MB -ImportId {import} -Connection promoted")
                .Failed("CitusImportComplete");
        }
        finally
        {
            await ReturnAsync(standby);
        }
    }

    [Fact]
    public async Task A_decision_that_the_promoted_standby_lacks_is_neither_undone_nor_loaded_again()
    {
        string table = _faults.Distribute(), expected = (string)_faults.Scalar(Content("expected"))!;
        using CopiedServer standby = CopiedServer.Start(_faults.Coordinator, isStandby: true);
        Guid import = Guid.NewGuid();
        string options = $"{table} -Route Shard -Checkpoint 2MB -ImportId {import}";
        try
        {
            using System.Diagnostics.Process load = _load.StartProcess(options);
            await HoldTheSecondBatchAsync(standby, import, load.WaitForExitAsync(TestContext.Current.CancellationToken));
            load.Kill();
            await load.WaitForExitAsync(TestContext.Current.CancellationToken);
            foreach (TcpProxy worker in _load.Workers) worker.Cut(TimeSpan.Zero);
            await PromoteAsync(standby);
            Connect(standby.Port);
            string prepared = (string)Scalar(standby.Port, Prepared)!;
            Assert.NotEqual("", prepared); // a part waits for a decision that is lost, and others have been committed by it

            RunResult repair = _faults.Shell.Run("Repair-CitusImport -Connection promoted").Succeeded();

            Assert.Contains(repair.Output,
                s => s.Get("Action")!.ToString() == "Pending" && s.Get("Reason") is string why
                    && why.Contains("may have lost the decision", StringComparison.Ordinal));
            Assert.Equal(prepared, Scalar(standby.Port, Prepared));
            ErrorRecord pending = _faults.Shell.Run($"Import-CsvToCitus $csv {options} -Connection promoted").Failed("CitusImportPending");
            Match command = CommitCommand().Match(pending.Exception.Message);
            Assert.True(command.Success, pending.Exception.Message);
            Scalar(int.Parse(command.Groups[2].Value, CultureInfo.InvariantCulture), command.Groups[1].Value);

            ErrorRecord error = _faults.Shell.Run($"Import-CsvToCitus $csv {options} -Connection promoted")
                .Failed("CitusCoordinatorFailedOver");

            long known = (long)Scalar(standby.Port, $"SELECT sum(rows)::bigint FROM woodgrove.import_batch WHERE import_id = '{import}'")!;
            Assert.Contains($"{known} rows", error.Exception.Message, StringComparison.Ordinal);
            Assert.True((long)Scalar(standby.Port, $"SELECT count(*) FROM {table}")! > known);
            // As the advice says.
            Scalar(standby.Port, $"DELETE FROM {table}");
            _faults.Shell.Run($"Remove-CitusImport {import} -Connection promoted; Import-CsvToCitus $csv {options} -Connection promoted")
                .Succeeded();
            Assert.Equal(expected, Scalar(standby.Port, Content(table)));
            Assert.Equal("", Scalar(standby.Port, Prepared));
        }
        finally
        {
            await ReturnAsync(standby);
        }
    }

    [Fact]
    public async Task A_load_whose_reported_batches_the_promoted_standby_lacks_ends_and_says_so()
    {
        string table = _faults.Distribute();
        using CopiedServer standby = CopiedServer.Start(_faults.Coordinator, isStandby: true);
        Guid import = Guid.NewGuid();
        string batches = $"SELECT coalesce(sum(rows), 0)::bigint FROM woodgrove.import_batch WHERE import_id = '{import}'";
        try
        {
            standby.Detach();
            _load.Coordinator.CutAt("INSERT INTO woodgrove.import_batch", 3, CutMoment.Held);
            using PowerShell load = _load.Start($"{table} -Route Coordinator -Checkpoint 2MB -ImportId {import}");
            Task<PSDataCollection<PSObject>> running = load.InvokeAsync();
            await _load.Coordinator.Held.WaitAsync(TimeSpan.FromMinutes(2), TestContext.Current.CancellationToken);
            object committed = _faults.Scalar(batches)!;
            Assert.NotEqual(0L, committed);
            await PromoteAsync(standby);
            _load.Coordinator.Redirect(standby.Port);
            _load.Coordinator.Cut(TimeSpan.Zero);
            _load.Coordinator.Release();

            Assert.Empty(await running.WaitAsync(TimeSpan.FromMinutes(4), TestContext.Current.CancellationToken));

            ErrorRecord error = Assert.Single(load.Streams.Error);
            Assert.StartsWith("CitusCoordinatorFailedOver,", error.FullyQualifiedErrorId, StringComparison.Ordinal);
            Assert.Contains("which then holds 0 rows", error.Exception.Message, StringComparison.Ordinal);
            Assert.Contains($"{committed} rows up to byte", error.Exception.Message, StringComparison.Ordinal);
            Assert.Equal(committed, Scalar(standby.Port, $"SELECT count(*) FROM {table}"));
        }
        finally
        {
            await ReturnAsync(standby);
        }
    }

    [Fact]
    public async Task An_import_that_lost_nothing_goes_on_after_a_failover_once_that_is_confirmed()
    {
        string table = _faults.Distribute(), expected = (string)_faults.Scalar(Content("expected"))!;
        using CopiedServer standby = CopiedServer.Start(_faults.Coordinator, isStandby: true);
        Guid import = Guid.NewGuid();
        string options = $"{table} -Route Coordinator -Checkpoint 2MB -ImportId {import}";
        try
        {
            _load.Coordinator.CutAt("INSERT INTO woodgrove.import_batch", 2, CutMoment.Held);
            using System.Diagnostics.Process load = _load.StartProcess(options);
            await _load.Coordinator.Held.WaitAsync(TimeSpan.FromMinutes(2), TestContext.Current.CancellationToken);
            load.Kill();
            await load.WaitForExitAsync(TestContext.Current.CancellationToken);
            await CaughtUpAsync(standby);
            await PromoteAsync(standby);
            Connect(standby.Port);

            ErrorRecord error = _faults.Shell.Run($"Import-CsvToCitus $csv {options} -Connection promoted")
                .Failed("CitusCoordinatorFailedOver");

            object rows = Scalar(standby.Port, $"SELECT count(*) FROM {table}")!;
            Assert.Contains($"If there are {rows},", error.Exception.Message, StringComparison.Ordinal);
            _faults.Shell.Run(Confirmation().Match(error.Exception.Message).Value + " -Connection promoted").Succeeded();
            _faults.Shell.Run($"Import-CsvToCitus $csv {options} -Connection promoted").Succeeded();
            Assert.Equal(expected, Scalar(standby.Port, Content(table)));
        }
        finally
        {
            await ReturnAsync(standby);
        }
    }

    [Fact]
    public async Task A_decision_waits_for_the_synchronous_standby_though_commits_are_set_to_be_local()
    {
        string table = _faults.Distribute();
        _faults.Execute("ALTER ROLE postgres SET synchronous_commit = local");
        _faults.Execute("ALTER SYSTEM SET synchronous_standby_names = 'nobody'");
        _faults.Execute("SELECT pg_reload_conf()");
        Guid import = Guid.NewGuid();
        try
        {
            using PowerShell load = _load.Start($"{table} -Route Coordinator -ImportId {import}");
            Task<PSDataCollection<PSObject>> running = load.InvokeAsync();
            object? waiting = 0L;
            for (int attempt = 0; waiting is 0L && attempt < 600 && !running.IsCompleted; attempt++)
            {
                await Task.Delay(100, TestContext.Current.CancellationToken);
                waiting = _faults.Scalar("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'");
            }
            Assert.NotEqual(0L, waiting);
            _faults.Execute("ALTER SYSTEM RESET synchronous_standby_names");
            _faults.Execute("SELECT pg_reload_conf()");
            await FaultyLoad.EndsWellAsync(load, running);
        }
        finally
        {
            _faults.Execute("ALTER SYSTEM RESET synchronous_standby_names");
            _faults.Execute("SELECT pg_reload_conf()");
            _faults.Execute("ALTER ROLE postgres RESET synchronous_commit");
        }
        _faults.AssertLoaded(table);
    }

    private const string Prepared =
        "SELECT coalesce(string_agg(result, ' '), '') FROM run_command_on_all_nodes('SELECT string_agg(gid, "
            + "'','') FROM pg_prepared_xacts WHERE starts_with(gid, ''woodgrove_'')') WHERE result <> ''";

    private static string Content(string table) =>
        $"SELECT count(*) || ' ' || count(DISTINCT id) || ' ' || md5(string_agg(id || note, ',' ORDER BY id)) FROM {table}";

    /// <summary>Names the coordinator's address in the metadata of the promoted server.</summary>
    private void Register(CopiedServer promoted, int port)
    {
        Scalar(promoted.Port, MaintenanceDaemon.Await);
        Scalar(promoted.Port, string.Create(CultureInfo.InvariantCulture,
            $"SELECT citus_update_node(nodeid, '127.0.0.1', {port}, true) FROM pg_dist_node WHERE groupid = 0"));
    }

    /// <summary>
    /// Lets the standby have a load's first batch, and holds the load where one node has not yet committed its part of
    /// the second.
    /// </summary>
    private async Task HoldTheSecondBatchAsync(CopiedServer standby, Guid import, Task running)
    {
        _load.Workers[0].CutAt("PREPARE TRANSACTION", 2, CutMoment.Held); // two shards a batch
        await HeldAsync(_load.Workers[0]);
        await CaughtUpAsync(standby);
        Assert.Equal(1L, Scalar(standby.Port, $"SELECT count(*) FROM woodgrove.import_batch WHERE import_id = '{import}'"));
        standby.Detach();
        _load.Workers[1].CutAt("COMMIT PREPARED", 0, CutMoment.Held);
        _load.Workers[0].Release();
        await HeldAsync(_load.Workers[1]);
        string committed = $"SELECT count(*) FROM pg_prepared_xacts WHERE gid LIKE 'woodgrove%{import:N}%'";
        for (int attempt = 0; attempt < 200 && Scalar(_faults.Workers[0].Port, committed) is not 0L; attempt++)
            await Task.Delay(50, TestContext.Current.CancellationToken);

        async Task HeldAsync(TcpProxy proxy) =>
            Assert.Same(proxy.Held, await Task.WhenAny(proxy.Held, running)
                .WaitAsync(TimeSpan.FromMinutes(2), TestContext.Current.CancellationToken));
    }

    /// <summary>Returns when the standby has all that its primary has written.</summary>
    private async Task CaughtUpAsync(CopiedServer standby)
    {
        object written = _faults.Scalar("SELECT pg_current_wal_lsn()::text")!;
        for (int attempt = 0; attempt < 200
            && Scalar(standby.Port, $"SELECT pg_last_wal_replay_lsn() >= '{written}'") is not true; attempt++)
            await Task.Delay(50, TestContext.Current.CancellationToken);
    }

    /// <summary>Ends the coordinator for good, and has a standby take over.</summary>
    private async Task PromoteAsync(CopiedServer standby)
    {
        _faults.Coordinator.Kill();
        await Task.Run(standby.Promote, TestContext.Current.CancellationToken);
        Register(standby, standby.Port);
        foreach (SandboxServer worker in _faults.Workers) // Citus tells them a little later
        {
            for (int attempt = 0; attempt < 600
                && !standby.Port.Equals(Scalar(worker.Port, "SELECT nodeport FROM pg_dist_node WHERE groupid = 0")); attempt++)
                await Task.Delay(100, TestContext.Current.CancellationToken);
        }
    }

    /// <summary>The class's other tests have the original coordinator again.</summary>
    private async Task ReturnAsync(CopiedServer standby)
    {
        for (int attempt = 0; attempt < 100; attempt++)
        {
            try
            {
                if (Scalar(standby.Port, "SELECT pg_is_in_recovery()") is false)
                    Register(standby, _faults.Coordinator.Port);
                break;
            }
            catch (NpgsqlException e)
            {
                _output.WriteLine($"The standby does not answer: {e.Message}");
                await Task.Delay(100, TestContext.Current.CancellationToken);
            }
        }
        _faults.Shell.Run("Get-CitusConnection | Where-Object Name -EQ promoted | Disconnect-CitusCluster");
        foreach (TcpProxy proxy in _load.Workers.Append(_load.Coordinator)) proxy.Cut(TimeSpan.Zero);
        try
        {
            _faults.Execute("SELECT 1");
        }
        catch (NpgsqlException)
        {
            await _faults.Coordinator.StartAsync();
        }
        _faults.Shell["to"] = _faults.ConnectionString();
        _faults.Shell.Run("$null = Connect-CitusCluster -ConnectionString $to -Name original; Repair-CitusImport -Connection original")
            .Succeeded();
    }

    private void Connect(int port)
    {
        _faults.Shell["csv"] = _faults.Csv;
        _faults.Shell["to"] = _faults.ConnectionString(port);
        _faults.Shell.Run("$null = Connect-CitusCluster -ConnectionString $to -Name promoted").Succeeded();
    }

    private object? Scalar(int port, string sql)
    {
        using var session = new NpgsqlConnection(_faults.ConnectionString(port) + ";Pooling=false");
        session.Open();
        using var command = new NpgsqlCommand(sql, session);
        return command.ExecuteScalar();
    }

    [GeneratedRegex(@"(COMMIT PREPARED 'woodgrove_\w+') on 127\.0\.0\.1:(\d+)")]
    private static partial Regex CommitCommand();

    [GeneratedRegex("Invoke-CitusQuery \"[^\"]*\"")]
    private static partial Regex Confirmation();
}
