using System.Collections;
using System.Diagnostics;
using System.Globalization;
using System.Management.Automation;
using Npgsql;
using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Safety;

/// <summary>
/// Loads of a fault cluster's file through proxies that a test can stop at a statement, in this process or in one that
/// it kills.
/// </summary>
internal sealed class FaultyLoad : IDisposable
{
    private readonly FaultCluster _faults;

    public FaultyLoad(FaultCluster faults)
    {
        _faults = faults;
        Coordinator = new TcpProxy(faults.Coordinator.Port);
        Workers = [.. faults.Workers.Select(w => new TcpProxy(w.Port))];
    }

    /// <summary>The role that loads.</summary>
    public string Role { get; init; } = "postgres";

    public TcpProxy Coordinator { get; }
    public TcpProxy[] Workers { get; }

    /// <summary>What maps the nodes' names to the proxies, in PowerShell.</summary>
    public string NodeAddress =>
        "@{ " + string.Join("; ", Ports.Select(p => string.Create(CultureInfo.InvariantCulture, $"'127.0.0.1:{p.From}' = "
            + $"'127.0.0.1:{p.To}'"))) + " }";

    private IEnumerable<(int From, int To)> Ports =>
        _faults.Workers.Select((w, i) => (w.Port, Workers[i].Port)).Prepend((_faults.Coordinator.Port, Coordinator.Port));

    /// <summary>A load in this process.</summary>
    public PowerShell Start(string load)
    {
        _faults.Shell["csv"] = _faults.Csv;
        _faults.Shell["to"] = _faults.ConnectionStringOf(Role, Coordinator.Port);
        return _faults.Shell.Create($"$null = Connect-CitusCluster -ConnectionString $to -Name faulty; "
            + $"Import-CsvToCitus $csv -Connection faulty -NodeAddress {NodeAddress} -Table {load}");
    }

    /// <summary>A load in a process of its own.</summary>
    public Process StartProcess(string load) => Repository.StartScript($"""
        $null = Connect-CitusCluster -ConnectionString '{_faults.ConnectionStringOf(Role, Coordinator.Port)}'
        Import-CsvToCitus '{_faults.Csv}' -NodeAddress {NodeAddress} -Table {load} -ErrorAction Stop
        """);

    /// <summary>
    /// Runs a load in a process of its own until a proxy holds a statement back, kills the process there, and drops the
    /// statement.
    /// </summary>
    public async Task KillAtAsync(string load, TcpProxy proxy, string sql)
    {
        proxy.CutAt(sql, 0, CutMoment.Held);
        using Process process = StartProcess(load);
        Task ended = process.WaitForExitAsync(TestContext.Current.CancellationToken);
        if (await Task.WhenAny(proxy.Held, ended).WaitAsync(TimeSpan.FromMinutes(2), TestContext.Current.CancellationToken) == ended)
            Assert.Fail($"The load ended before it sent {sql}: "
                + $"{await process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken)}");
        process.Kill();
        await ended;
        foreach (TcpProxy each in Workers.Append(Coordinator)) each.Cut(TimeSpan.Zero);
        // On a busy machine, sessions end some time after their client.
        foreach (SandboxServer server in _faults.Workers.Append(_faults.Coordinator))
        {
            for (int attempt = 0; attempt < 600 && IsAlive(server); attempt++) await Task.Delay(100, TestContext.Current.CancellationToken);
        }
    }

    private bool IsAlive(SandboxServer server)
    {
        using var session = new NpgsqlConnection(_faults.ConnectionString(server.Port) + ";Pooling=false");
        session.Open();
        using var command = new NpgsqlCommand("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND classid IN (1464815428, "
            + "1464815429) AND objid <> 0", session);
        return command.ExecuteScalar() is not 0L;
    }

    /// <summary>A load in this process that has ended well.</summary>
    public static async Task<PSObject> EndsWellAsync(PowerShell load, Task<PSDataCollection<PSObject>> running)
    {
        PSDataCollection<PSObject> results = await running.WaitAsync(TimeSpan.FromMinutes(4), TestContext.Current.CancellationToken);
        Assert.True(load.Streams.Error.Count == 0,
            string.Join('\n', load.Streams.Error.Select(e => $"{e.FullyQualifiedErrorId}: {e.Exception}")));
        return Assert.Single(results);
    }

    public void Dispose()
    {
        Coordinator.Dispose();
        foreach (TcpProxy proxy in Workers) proxy.Dispose();
    }
}
