using System.Management.Automation;
using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Ingest;

/// <summary>Servers that die in the middle of a load into the shards, and come back.</summary>
public sealed class ServerFaultTests(FaultCluster faults, ITestOutputHelper output) : IClassFixture<FaultCluster>
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_server_that_dies_and_comes_back_costs_no_row_and_no_command(bool coordinator)
    {
        faults.Require();
        Random random = FaultCluster.Chance(output);
        int kills = 0;
        for (int round = 0; round < 4; round++)
        {
            string table = faults.Distribute();
            SandboxServer victim = coordinator ? faults.Coordinator : faults.Workers[random.Next(2)];
            using PowerShell load = Start($"{table} -Checkpoint 256KB");
            Task<PSDataCollection<PSObject>> running = load.InvokeAsync();
            await faults.UnderWayAsync(running);
            if (await KillAsync(victim, running, random)) kills++;
            await EndsWellAsync(load, running);
            faults.AssertLoaded(table);
        }
        output.WriteLine($"{kills} kills");
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_load_that_gave_a_dead_server_up_goes_on_with_Resume(bool coordinator)
    {
        faults.Require();
        Random random = FaultCluster.Chance(output);
        string table = faults.Distribute();
        SandboxServer victim = coordinator ? faults.Coordinator : faults.Workers[random.Next(2)];
        using PowerShell load = Start($"{table} -Checkpoint 256KB");
        Task<PSDataCollection<PSObject>> running = load.InvokeAsync();
        await faults.UnderWayAsync(running);
        await Task.Delay(random.Next(0, 100), TestContext.Current.CancellationToken);
        victim.Kill();
        try
        {
            await running.WaitAsync(TimeSpan.FromSeconds(240), TestContext.Current.CancellationToken);
        }
        finally
        {
            await victim.StartAsync();
        }
        ErrorRecord error = Assert.Single(load.Streams.Error);
        output.WriteLine($"{error.FullyQualifiedErrorId}: {error.Exception.Message}");

        using PowerShell again = Start($"{table} -Checkpoint 256KB -Resume");
        Assert.InRange((long)Assert.Single(await again.InvokeAsync()).Get("Rows")!, 1, 300_000);
        faults.AssertLoaded(table);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Nor_does_it_cost_one_of_the_rows_that_come_one_by_one(bool coordinator)
    {
        faults.Require();
        Random random = FaultCluster.Chance(output);
        int kills = 0;
        for (int round = 0; round < 4; round++)
        {
            string table = faults.Distribute();
            SandboxServer victim = coordinator ? faults.Coordinator : faults.Workers[random.Next(2)];
            faults.Shell["to"] = faults.ConnectionString();
            using PowerShell load = faults.AddRows("$null = Connect-CitusCluster -ConnectionString $to -Name faulty",
                $"{table} -Connection faulty -BatchSize 10000");
            Task<PSDataCollection<PSObject>> running = load.InvokeAsync();
            while (!running.IsCompleted && faults.Scalar($"SELECT count(*) FROM {table}") is 0L)
                await Task.Delay(2, TestContext.Current.CancellationToken);
            if (await KillAsync(victim, running, random)) kills++;
            Assert.Equal(300_000L, Assert.Single(await EndsWellAsync(load, running)).Get("Rows"));
            // What was decided and not yet carried out everywhere, Citus does within a minute.
            faults.Execute("SELECT recover_prepared_transactions()");
            faults.AssertLoaded(table);
        }
        output.WriteLine($"{kills} kills");
    }

    /// <returns>False where the load was over before.</returns>
    private static async Task<bool> KillAsync(SandboxServer victim, Task load, Random random)
    {
        await Task.Delay(random.Next(0, 700), TestContext.Current.CancellationToken);
        if (load.IsCompleted) return false;
        victim.Kill();
        await Task.Delay(random.Next(0, 3000), TestContext.Current.CancellationToken);
        await victim.StartAsync();
        return true;
    }

    private async Task<PSDataCollection<PSObject>> EndsWellAsync(PowerShell load, Task<PSDataCollection<PSObject>> running)
    {
        PSDataCollection<PSObject> results = await running;
        foreach (WarningRecord warning in load.Streams.Warning) output.WriteLine(warning.Message);
        Assert.True(load.Streams.Error.Count == 0,
            string.Join('\n', load.Streams.Error.Select(e => $"{e.FullyQualifiedErrorId}: {e.Exception}")));
        return results;
    }

    private PowerShell Start(string table)
    {
        faults.Shell["csv"] = faults.Csv;
        faults.Shell["to"] = faults.ConnectionString();
        return faults.Shell.Create($"$null = Connect-CitusCluster -ConnectionString $to -Name faulty; "
            + $"Import-CsvToCitus $csv {table} -Connection faulty -Route Shard");
    }
}
