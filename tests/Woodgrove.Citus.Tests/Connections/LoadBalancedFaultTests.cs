using System.Diagnostics;
using System.Management.Automation;
using System.Net;
using System.Net.Sockets;
using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Connections;

/// <summary>What goes wrong behind a load-balanced port: statements that are cut off, nodes that refuse, freeze or move.</summary>
public sealed class LoadBalancedFaultTests : IClassFixture<BalancedCluster>
{
    /// <summary>Rows that take minutes to read.</summary>
    private const string Endless = "SELECT generate_series(1, 200000000) AS i, repeat(''x'', 100) AS x";

    private readonly BalancedCluster _cluster;
    private readonly FaultCluster _faults;
    private readonly ITestOutputHelper _output;

    public LoadBalancedFaultTests(BalancedCluster cluster, ITestOutputHelper output)
    {
        cluster.Faults.Require();
        (_cluster, _faults, _output) = (cluster, cluster.Faults, output);
        _faults.Shell["csv"] = _faults.Csv;
        cluster.Connect("home", _faults.Coordinator.Port, cluster.Balancer.Port);
        cluster.Connect("balanced", cluster.Balancer.Port, cluster.Balancer.Port);
    }

    [Fact]
    public async Task A_query_whose_first_rows_are_enough_ends_on_its_server()
    {
        var clock = Stopwatch.StartNew();
        // As Select-Object -First does, which this host lacks.
        RunResult run = Shell($"do {{ Invoke-CitusQuery '{Endless}' -Connection balanced | "
            + "ForEach-Object { $_; if ($_.i -eq 5) { break } } } while ($false)").Succeeded();

        Assert.Equal([1, 2, 3, 4, 5], run.Output.Select(r => (int)r.Get("i")!));
        await AssertEndedAsync(clock);
    }

    [Theory]
    [InlineData($"Invoke-CitusQuery '{Endless}' -Connection balanced | ForEach-Object {{ $_.i }}")]
    [InlineData($"Invoke-CitusQuery '{Endless}' -On Workers -Connection home")]
    [InlineData($"Export-CitusToCsv -Query '{Endless}' -Path /dev/null -Connection balanced")]
    public async Task A_stopped_query_ends_on_its_server_while_rows_come(string script)
    {
        using PowerShell shell = _faults.Shell.Create(script);
        Task<PSDataCollection<PSObject>> work = shell.InvokeAsync();
        for (int i = 0; i < 600 && Running() == 0 && !work.IsCompleted; i++) await Task.Delay(50, TestContext.Current.CancellationToken);
        await Task.Delay(1000, TestContext.Current.CancellationToken); // so that rows come
        Assert.NotEqual(0L, Running());
        if (work.IsCompleted) Assert.Fail($"It ended before it was stopped: {string.Join('\n', shell.Streams.Error)}");

        var clock = Stopwatch.StartNew();
        await Task.Run(shell.Stop, TestContext.Current.CancellationToken);

        await AssertEndedAsync(clock);
    }

    [Fact]
    public async Task An_export_to_a_full_disk_does_not_read_the_rest()
    {
        if (!File.Exists("/dev/full")) Assert.Skip("needs /dev/full");
        var clock = Stopwatch.StartNew();
        ErrorRecord error = Shell($"Export-CitusToCsv -Query '{Endless}' -Path /dev/full -Connection balanced").Errors.Single();

        Assert.Contains("The export ended after", error.Exception.Message, StringComparison.Ordinal);
        await AssertEndedAsync(clock);
    }

    [Fact]
    public void Definitions_are_those_of_the_coordinator_or_none_are_written()
    {
        _faults.Execute("CREATE TABLE IF NOT EXISTS only_on_coordinator (id bigserial PRIMARY KEY)");
        string file = _faults.Csv + ".sql";
        string home = $"-NodeAddress @{{ '{BalancedCluster.NameOf(0)}' = '127.0.0.1:{_faults.Coordinator.Port}' }}";
        _faults.Shell["out"] = file;
        // A worker's own port, with the coordinator's address and with the balanced port alone.
        _cluster.Connect("worker", _faults.Workers[0].Port, null, home);
        _cluster.Connect("nowhere", _faults.Workers[0].Port, null);
        _cluster.Connect("astray", _faults.Workers[0].Port, _cluster.Balancer.Port);
        const string export = "Export-CitusSchema $out -IncludeDefinition -Connection";

        foreach (string refused in new[] { "balanced", "astray" })
        {
            ErrorRecord error = Shell($"{export} {refused}").Failed("CitusCoordinatorNotReached");
            Assert.Contains($"reaches the coordinator only through 127.0.0.1:{_cluster.Balancer.Port}", error.Exception.Message,
                StringComparison.Ordinal);
            Assert.Contains("Connect-CitusCluster -Port 5432 -LoadBalancedPort 7432", error.Exception.Message, StringComparison.Ordinal);
            Assert.False(File.Exists(file));
        }
        ErrorRecord away = Shell($"{export} nowhere").Failed("CitusCoordinatorNotReached");
        Assert.Contains("The command needs the cluster's coordinator", away.Exception.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("ledger", away.Exception.Message, StringComparison.Ordinal);
        foreach (string connection in new[] { "home", "worker" })
        {
            Shell($"{export} {connection}").Succeeded();
            Assert.Contains("only_on_coordinator", File.ReadAllText(file), StringComparison.Ordinal);
            File.Delete(file);
        }
    }

    [Fact]
    public void A_node_that_refuses_the_role_does_not_end_the_search_for_others()
    {
        string role = _faults.CreateRole("refused");
        int[] servers = [.. _cluster.Servers.Select(s => s.Port)];
        _cluster.Execute(servers[1], $"SET citus.enable_ddl_propagation = off; ALTER ROLE {role} NOLOGIN");
        using var balancer = new LoadBalancer([servers[0]]);
        foreach ((string name, int port) in new[] { ("refused", balancer.Port), ("refused_home", servers[0]) })
        {
            _faults.Shell["to"] = _faults.ConnectionStringOf(role, port);
            Shell($"$null = Connect-CitusCluster -ConnectionString $to -Name {name} -LoadBalancedPort {balancer.Port}").Succeeded();
        }
        balancer.LeadTo(servers[1], servers[1], servers[0], servers[2]);

        Assert.Equal(3, Shell("Get-CitusNode -Connection refused").Succeeded().Output.Count);
        Assert.InRange(balancer.Connections, 3, int.MaxValue); // the second was refused
        RunResult query = Shell("Invoke-CitusQuery 'SELECT 1' -On AllNodes -Connection refused_home");

        PSObject[] nodes = [.. query.Output.OrderBy(n => $"{n.Get("NodeName")}", StringComparer.Ordinal)];
        Assert.Equal([true, false, true], nodes.Select(n => (bool)n.Get("Success")!));
        Assert.Equal("CitusNodeNotReached", nodes[1].Get("ErrorId"));
        Assert.Contains("is not permitted to log in", $"{nodes[1].Get("Error")}", StringComparison.Ordinal);
        Assert.Contains($"group 2 ({BalancedCluster.NameOf(2)}:5432)", $"{nodes[1].Get("Error")}", StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_server_that_never_answers_holds_a_search_up_for_seconds()
    {
        using var frozen = new TcpListener(IPAddress.Loopback, 0);
        frozen.Start();
        using var balancer = new LoadBalancer([_faults.Coordinator.Port]);
        _cluster.Connect("frozen", balancer.Port, balancer.Port);
        balancer.LeadTo(((IPEndPoint)frozen.LocalEndpoint).Port);
        using PowerShell shell = _faults.Shell.Create("Get-CitusNode -Connection frozen");
        var clock = Stopwatch.StartNew();
        Task<PSDataCollection<PSObject>> work = shell.InvokeAsync();
        while (!frozen.Pending()) await Task.Delay(20, TestContext.Current.CancellationToken);
        balancer.LeadTo([.. _cluster.Servers.Select(s => s.Port)]);

        Assert.Equal(3, (await work).Count);

        _output.WriteLine($"{clock.Elapsed.TotalSeconds:0.0} s");
        Assert.InRange(clock.Elapsed.TotalSeconds, 4, 12);
    }

    [Fact]
    public void An_address_where_each_session_reaches_another_node_is_asked_each_time()
    {
        string table = _faults.Distribute(shards: 8), map = "-NodeAddress @{ " + string.Join("; ", new[] { 1, 2 }.Select(n =>
            $"'{BalancedCluster.NameOf(n)}' = '127.0.0.1:{_cluster.Balancer.Port}'")) + " }";
        _cluster.Connect("shared", _faults.Coordinator.Port, _cluster.Balancer.Port, map);
        for (int i = 0; i < 4; i++)
        {
            Shell($"Import-CsvToCitus $csv {table} -Route Shard -Truncate -Connection shared").Succeeded();
            _faults.AssertLoaded(table);
            RunResult groups = Shell("Invoke-CitusQuery 'SELECT groupid FROM pg_dist_local_group' -As Scalar -On AllNodes "
                + "-Connection shared");
            Assert.Equal(["0", "1", "2"], groups.Succeeded().Output.OrderBy(n => $"{n.Get("NodeName")}", StringComparer.Ordinal)
                .Select(n => $"{Assert.Single(((System.Collections.IEnumerable)n.Get("Rows")!).Cast<object>())}"));
        }
    }

    [Fact]
    public void A_coordinator_that_has_moved_is_found_at_its_new_address()
    {
        int worker = _faults.Workers[0].Port;
        using var proxy = new TcpProxy(_faults.Coordinator.Port);
        const string moved = "private-moved.invalid";
        string Rename(string from, string to) => $"UPDATE pg_dist_node SET nodename = '{to}' WHERE groupid = 0 AND nodename = '{from}'";
        _cluster.Connect("moving", worker, null, $"-NodeAddress @{{ '{BalancedCluster.NameOf(0)}' = '127.0.0.1:{proxy.Port}'; "
            + $"'{moved}' = '127.0.0.1:{_faults.Coordinator.Port}' }}");
        Shell("Get-CitusImport -Connection moving").Succeeded(); // through the proxy: nothing else leads from the worker there
        _cluster.Execute(worker, Rename(BalancedCluster.NameOf(0), moved));
        try
        {
            proxy.Cut(TimeSpan.FromDays(1));
            for (int i = 0; i < 2; i++) Shell("Get-CitusImport -Connection moving").Succeeded();
        }
        finally
        {
            _cluster.Execute(worker, Rename(moved, BalancedCluster.NameOf(0)));
        }
    }

    [Fact]
    public void A_node_with_a_transaction_in_doubt_is_called_by_its_name()
    {
        string table = _faults.Distribute();
        string shard = (string)_faults.Scalar("SELECT shard_name(s.logicalrelid, s.shardid) FROM pg_dist_shard s JOIN "
            + $"pg_dist_placement p USING (shardid) WHERE s.logicalrelid = '{table}'::regclass AND p.groupid = 2 LIMIT 1")!;
        _cluster.Execute(_faults.Workers[1].Port, "SET citus.enable_manual_changes_to_shards = on; BEGIN; "
            + $"INSERT INTO {shard} VALUES (1, 1, 'in doubt'); PREPARE TRANSACTION 'in_doubt'");
        try
        {
            RunResult export = Shell($"Export-CitusToCsv -Table {table} -Path ($csv + '.doubt') -Parallel -Connection home").Succeeded();
            Assert.Contains($"{BalancedCluster.NameOf(2)}:5432 has a transaction that is prepared", Assert.Single(export.Warnings),
                StringComparison.Ordinal);
        }
        finally
        {
            _cluster.Execute(_faults.Workers[1].Port, "ROLLBACK PREPARED 'in_doubt'");
        }
    }

    [Fact]
    public void Types_that_differ_between_the_nodes_are_read_as_text()
    {
        _faults.Execute("CREATE TYPE balanced_mood AS ENUM ('sad', 'happy')");
        _cluster.Connect("typed", _cluster.Balancer.Port, _cluster.Balancer.Port);
        const string query = "SELECT ARRAY[''sad'', ''happy'']::balanced_mood[] AS moods, ARRAY[1, 2] AS numbers";

        PSObject row = Shell($"Invoke-CitusQuery '{query}' -Connection typed").Single;
        RunResult nodes = Shell($"Invoke-CitusQuery 'SELECT ''happy''::balanced_mood AS mood' -As Scalar -On AllNodes -Connection home");

        Assert.Equal("{sad,happy}", row.Get("moods"));
        Assert.Equal([1, 2], Assert.IsType<int[]>(row.Get("numbers")));
        Assert.Equal(["happy", "happy", "happy"], nodes.Succeeded().Output.Select(n =>
            Assert.Single(((System.Collections.IEnumerable)n.Get("Rows")!).Cast<object>()).ToString()));
    }

    private async Task AssertEndedAsync(Stopwatch clock)
    {
        TimeSpan back = clock.Elapsed;
        for (int i = 0; i < 100 && Running() > 0; i++) await Task.Delay(50, TestContext.Current.CancellationToken);
        _output.WriteLine($"the prompt came back after {back.TotalSeconds:0.0} s, the servers after {clock.Elapsed.TotalSeconds:0.0} s");
        Assert.Equal(0L, Running());
        Assert.True(back < TimeSpan.FromSeconds(15), $"the prompt came back after {back}");
    }

    /// <summary>How many sessions execute the query with the many rows.</summary>
    private long Running() => _cluster.Servers.Sum(s => (long)_cluster.Scalar(s.Port, "SELECT count(*) FROM pg_stat_activity WHERE "
        + "state = 'active' AND pid <> pg_backend_pid() AND query LIKE '%200000000%'")!);

    private RunResult Shell(string script) => _faults.Shell.Run(script);
}
