using System.Globalization;
using System.Management.Automation;
using Npgsql;
using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Safety;

/// <summary>All of a load, and whoever looks at its ledger, goes to one server: the primary of the coordinator.</summary>
public sealed class CoordinatorTests : IClassFixture<FaultCluster>, IDisposable
{
    private readonly FaultCluster _faults;
    private readonly FaultyLoad _load;

    public CoordinatorTests(FaultCluster faults)
    {
        faults.Require();
        _faults = faults;
        _load = new FaultyLoad(faults);
        faults.Shell["csv"] = faults.Csv;
    }

    public void Dispose() => _load.Dispose();

    [Theory]
    [InlineData("Coordinator")]
    [InlineData("Shard")]
    [InlineData("Worker")]
    public void An_import_is_known_whichever_node_the_connection_leads_to(string route)
    {
        string table = _faults.Distribute();
        Guid import = Guid.NewGuid();
        Connect("node", _faults.Workers[0].Port);
        Assert.Equal(300_000L, Shell($"Import-CsvToCitus $csv {table} -Route {route} -ImportId {import} -Connection node").Single.Get(
            "Rows"));
        foreach (int port in new[] { _faults.Coordinator.Port, _faults.Workers[1].Port })
        {
            Connect("node", port);
            Assert.Equal("Complete", Shell($"Get-CitusImport {import} -Connection node").Single.Get("State")!.ToString());
            Shell($"Import-CsvToCitus $csv {table} -Route {route} -ImportId {import} -Connection node").Failed("CitusImportComplete");
        }
        _faults.AssertLoaded(table);
        foreach (SandboxServer worker in _faults.Workers)
            Assert.Equal(false, Scalar(worker.Port, "SELECT to_regclass('woodgrove.import_batch') IS NOT NULL"));
    }

    [Theory]
    [InlineData("worker")]
    [InlineData("standby")]
    [InlineData("restored copy")]
    public async Task Who_looks_or_repairs_from_elsewhere_leaves_a_running_load_alone(string where)
    {
        using CopiedServer? copy = where == "worker" ? null : CopiedServer.Start(_faults.Coordinator, where == "standby");
        string table = _faults.Distribute();
        _load.Workers[0].CutAt("COMMIT PREPARED", 0, CutMoment.Held);
        using PowerShell load = _load.Start($"{table} -Route Shard -ImportId {Guid.NewGuid()}");
        Task<PSDataCollection<PSObject>> running = load.InvokeAsync();
        await _load.Workers[0].Held.WaitAsync(TimeSpan.FromMinutes(1), TestContext.Current.CancellationToken);
        // The load's other session to the node may still be on its way to commit.
        object? before = null, prepared = Scalar(_faults.Workers[0].Port, Prepared);
        while (!Equals(before, prepared))
        {
            await Task.Delay(500, TestContext.Current.CancellationToken);
            (before, prepared) = (prepared, Scalar(_faults.Workers[0].Port, Prepared));
        }
        Assert.NotEqual(0L, prepared); // the load is where it could be destroyed

        (int exit, string output, string error) = await Repository.RunScriptAsync($"""
            $null = Connect-CitusCluster -ConnectionString '{_faults.ConnectionString(copy?.Port ?? _faults.Workers[1].Port)}'
            Get-CitusImport | Out-Null
            Repair-CitusImport | ForEach-Object ToString
            """);

        object? left = Scalar(_faults.Workers[0].Port, Prepared);
        _load.Workers[0].Release();
        Assert.Equal(prepared, left);
        Assert.True(exit == 0, error);
        if (where == "restored copy")
            Assert.Contains("the node's coordinator is another server than this one", output, StringComparison.Ordinal);
        await FaultyLoad.EndsWellAsync(load, running);
        _faults.AssertLoaded(table);
    }

    [Fact]
    public async Task A_restored_copy_of_the_coordinator_does_not_roll_back_what_the_original_has_decided()
    {
        using CopiedServer copy = CopiedServer.Start(_faults.Coordinator, isStandby: false);
        string table = _faults.Distribute();
        await _load.KillAtAsync($"{table} -Route Shard -ImportId {Guid.NewGuid()}", _load.Workers[0], "COMMIT PREPARED");
        Connect("copy", copy.Port);

        RunResult repair = Shell("Repair-CitusImport -Connection copy").Succeeded();

        Assert.NotEmpty(repair.Output);
        Assert.All(repair.Output, s => Assert.Equal("Pending", s.Get("Action")!.ToString()));
        Connect("original", _faults.Coordinator.Port);
        Assert.Contains(Shell("Repair-CitusImport -Connection original").Succeeded().Output,
            s => s.Get("Action")!.ToString() == "Committed");
        _faults.AssertLoaded(table);
    }

    [Fact]
    public async Task A_standby_without_its_primary_says_that_the_coordinator_is_away()
    {
        using CopiedServer copy = CopiedServer.Start(_faults.Coordinator, isStandby: true);
        _faults.Coordinator.Kill();
        try
        {
            Connect("standby", copy.Port);
            ErrorRecord error = Shell("Repair-CitusImport -Connection standby").Failed("CitusCoordinatorNotReached");
            Assert.Contains("leads to a standby", error.Exception.Message, StringComparison.Ordinal);
            Shell("Get-CitusImport -Connection standby").Failed("CitusCoordinatorNotReached");
        }
        finally
        {
            await _faults.Coordinator.StartAsync();
        }
    }

    [Fact]
    public void Prepared_transactions_of_another_cluster_are_left_alone()
    {
        string name = $"woodgrove_00000000deadbeef_{Guid.NewGuid():N}_0_0123456789ab_102008";
        _faults.Execute("CREATE TABLE IF NOT EXISTS of_another (id int)");
        Scalar(_faults.Coordinator.Port, $"BEGIN; INSERT INTO of_another VALUES (1); PREPARE TRANSACTION '{name}'");
        Connect("direct", _faults.Coordinator.Port);
        try
        {
            Assert.Empty(Shell("Repair-CitusImport -Connection direct").Succeeded().Output);
            Assert.Equal(1L, _faults.Scalar($"SELECT count(*) FROM pg_prepared_xacts WHERE gid = '{name}'"));
        }
        finally
        {
            _faults.Execute($"ROLLBACK PREPARED '{name}'");
        }
    }

    private const string Prepared = "SELECT count(*) FROM pg_prepared_xacts WHERE starts_with(gid, 'woodgrove_')";

    private void Connect(string name, int port)
    {
        _faults.Shell["port"] = _faults.ConnectionString(port);
        Shell($"$null = Connect-CitusCluster -ConnectionString $port -Name {name}").Succeeded();
    }

    private RunResult Shell(string script) => _faults.Shell.Run(script);

    private object? Scalar(int port, string sql)
    {
        using var session = new NpgsqlConnection(string.Create(CultureInfo.InvariantCulture,
            $"{_faults.ConnectionString(port)};Pooling=false"));
        session.Open();
        using var command = new NpgsqlCommand(sql, session);
        return command.ExecuteScalar();
    }
}
