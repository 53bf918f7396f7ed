using System.Management.Automation;
using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Safety;

/// <summary>
/// The coordinator crashes in the commit of a batch of Add-CitusRow, which keeps no ledger: whether the batch was
/// committed is asked of the server, and the answer is exact.
/// </summary>
public sealed class AddRowCrashTests : IClassFixture<FaultCluster>, IDisposable
{
    private static readonly TimeSpan Away = TimeSpan.FromSeconds(5);

    private readonly FaultCluster _faults;
    private readonly TcpProxy _coordinator;

    public AddRowCrashTests(FaultCluster faults)
    {
        faults.Require();
        _faults = faults;
        _coordinator = new TcpProxy(faults.Coordinator.Port);
    }

    public void Dispose() => _coordinator.Dispose();

    [Theory]
    [InlineData("on")]
    [InlineData("off")] // then what only its memory had is lost, though nodes have carried it out
    public async Task A_batch_that_was_committed_before_the_crash_is_not_sent_again(string synchronousCommit)
    {
        string table = _faults.Distribute();
        _faults.Execute($"ALTER SYSTEM SET synchronous_commit = {synchronousCommit}");
        _faults.Execute("ALTER SYSTEM SET wal_writer_delay = '10s'");
        _faults.Execute("SELECT pg_reload_conf()");
        try
        {
            _coordinator.CutAt("COMMIT\0", 2, CutMoment.After);
            using PowerShell load = Start(table);
            Task<PSDataCollection<PSObject>> running = load.InvokeAsync();
            while (_coordinator.Cuts == 0 && !running.IsCompleted) await Task.Delay(1, TestContext.Current.CancellationToken);
            _coordinator.Cut(Away);
            for (int attempt = 0; attempt < 400 && _faults.Scalar($"SELECT count(*) FROM {table}") is not 60_000L; attempt++)
                await Task.Delay(5, TestContext.Current.CancellationToken);
            await CrashAsync();
            Assert.Equal(60_000L, _faults.Scalar($"SELECT count(*) FROM {table}"));
            await EndsWellAsync(load, running, table);
        }
        finally
        {
            _faults.Execute("ALTER SYSTEM RESET synchronous_commit");
            _faults.Execute("ALTER SYSTEM RESET wal_writer_delay");
            _faults.Execute("SELECT pg_reload_conf()");
        }
    }

    [Fact]
    public async Task A_batch_that_was_not_committed_is_sent_again_though_other_transactions_came_after_the_crash()
    {
        string table = _faults.Distribute();
        _coordinator.CutAt("COMMIT\0", 2, CutMoment.Held);
        using PowerShell load = Start(table);
        Task<PSDataCollection<PSObject>> running = load.InvokeAsync();
        await _coordinator.Held.WaitAsync(TimeSpan.FromMinutes(1), TestContext.Current.CancellationToken);
        _faults.Coordinator.Kill();
        _coordinator.Cut(Away);
        await _faults.Coordinator.StartAsync();
        // An id that was not on disk is another's now, who commits.
        _faults.Execute("DO $$ BEGIN FOR i IN 1..3000 LOOP PERFORM pg_current_xact_id(); COMMIT; END LOOP; END $$");
        Assert.Equal(40_000L, _faults.Scalar($"SELECT count(*) FROM {table}"));
        _coordinator.Release();
        await EndsWellAsync(load, running, table);
    }

    private async Task CrashAsync()
    {
        _faults.Coordinator.Kill();
        await _faults.Coordinator.StartAsync();
    }

    private PowerShell Start(string table)
    {
        _faults.Shell["text"] = _faults.ConnectionString(_coordinator.Port);
        return _faults.AddRows("$null = Connect-CitusCluster -ConnectionString $text -Name faulty",
            $"{table} -BatchSize 20000 -Connection faulty");
    }

    private async Task EndsWellAsync(PowerShell load, Task<PSDataCollection<PSObject>> running, string table)
    {
        PSObject result = await FaultyLoad.EndsWellAsync(load, running);
        Assert.NotEmpty(load.Streams.Warning); // the connection was lost
        Assert.Equal(300_000L, result.Get("Rows"));
        _faults.AssertLoaded(table);
    }
}
