using System.Globalization;
using System.Management.Automation;
using Npgsql;
using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Safety;

/// <summary>A standby of the coordinator takes over in the middle of a load: what the help promises is what happens.</summary>
public sealed class FailoverTests : IClassFixture<FaultCluster>, IDisposable
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
        string table = _faults.Distribute(), content = "SELECT count(*) || ' ' || count(DISTINCT id) || ' ' || md5(string_agg(id || "
            + $"note, ',' ORDER BY id)) FROM {{0}}";
        string expected = (string)_faults.Scalar(string.Format(CultureInfo.InvariantCulture, content, "expected"))!;
        using CopiedServer standby = CopiedServer.Start(_faults.Coordinator, isStandby: true, "standby1");
        _faults.Execute("ALTER SYSTEM SET synchronous_standby_names = 'standby1'");
        _faults.Execute("SELECT pg_reload_conf()");
        int original = _faults.Coordinator.Port;
        Guid import = Guid.NewGuid();
        string registered = string.Create(CultureInfo.InvariantCulture,
            $"SELECT citus_update_node(nodeid, '127.0.0.1', {{0}}, true) FROM pg_dist_node WHERE groupid = 0");
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
            Scalar(standby.Port, string.Format(CultureInfo.InvariantCulture, registered, standby.Port));
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
            Assert.Equal(expected, Scalar(standby.Port, string.Format(CultureInfo.InvariantCulture, content, table)));
            Assert.Equal("", Scalar(standby.Port,
                "SELECT coalesce(string_agg(result, ' '), '') FROM run_command_on_all_nodes('SELECT string_agg(gid, "
                    + "'','') FROM pg_prepared_xacts WHERE starts_with(gid, ''woodgrove_'')') WHERE result <> ''"));
        }
        finally
        {
            // The class's other tests have the original again.
            if (isOver) Scalar(standby.Port, string.Format(CultureInfo.InvariantCulture, registered, original));
            await _faults.Coordinator.StartAsync();
            _faults.Execute("ALTER SYSTEM RESET synchronous_standby_names");
            _faults.Execute("SELECT pg_reload_conf()");
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

    private object? Scalar(int port, string sql)
    {
        using var session = new NpgsqlConnection(_faults.ConnectionString(port) + ";Pooling=false");
        session.Open();
        using var command = new NpgsqlCommand(sql, session);
        return command.ExecuteScalar();
    }
}
