using System.Diagnostics;
using System.Management.Automation;
using Npgsql;
using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Connections;

/// <summary>Nodes that only a load-balanced port leads to, each connection to another one.</summary>
public sealed class LoadBalancedTests : IClassFixture<BalancedCluster>
{
    private readonly BalancedCluster _cluster;
    private readonly FaultCluster _faults;
    private readonly ITestOutputHelper _output;

    public LoadBalancedTests(BalancedCluster cluster, ITestOutputHelper output)
    {
        cluster.Faults.Require();
        (_cluster, _faults, _output) = (cluster, cluster.Faults, output);
        _faults.Shell["csv"] = _faults.Csv;
        // The coordinator's own port and the balanced one, as on Elastic Clusters; and nothing but the balanced one.
        cluster.Connect("home", _faults.Coordinator.Port, cluster.Balancer.Port);
        cluster.Connect("balanced", cluster.Balancer.Port, cluster.Balancer.Port);
        cluster.Connect("alone", _faults.Coordinator.Port, null);
    }

    [Theory]
    [InlineData("Coordinator")]
    [InlineData("Shard")]
    [InlineData("Worker")]
    public void Every_route_loads_each_row_once(string route)
    {
        foreach (string connection in new[] { "home", "balanced" })
        {
            string table = _faults.Distribute();
            int before = _cluster.Balancer.Connections;
            PSObject result = Shell($"Import-CsvToCitus $csv {table} -Route {route} -Checkpoint 4MB -Connection {connection}").Single;
            Assert.Equal((300_000L, route), (result.Get("Rows"), result.Get("Route")!.ToString()));
            _faults.AssertLoaded(table);
            _output.WriteLine($"{connection}: {_cluster.Balancer.Connections - before} connections for {Shards(table)} shards");
        }
    }

    [Fact]
    public void Sessions_to_other_nodes_serve_whoever_looks_for_them()
    {
        // Azure's balancer chooses by a hash of the connection's addresses and ports, which is as good as chance.
        using var balancer = new LoadBalancer(_cluster.Servers.Select(s => s.Port)) { Chance = new Random(1) };
        _cluster.Connect("chance", _faults.Coordinator.Port, balancer.Port);
        string table = _faults.Distribute(shards: 32);
        Shell($"Import-CsvToCitus $csv {table} -Route Shard -Connection chance").Succeeded();
        int first = balancer.Connections;
        Shell($"Import-CsvToCitus $csv {table} -Route Shard -Truncate -Connection chance").Succeeded();
        _faults.AssertLoaded(table);
        _output.WriteLine($"{first} connections for 32 shards on 3 nodes, then {balancer.Connections - first} more");
        Assert.InRange(first, 32, 96);
        Assert.InRange(balancer.Connections - first, 0, 48);
    }

    [Fact]
    public void Without_the_port_the_reason_names_it_and_with_it_the_load_goes_to_the_shards()
    {
        string table = _faults.Distribute();

        ErrorRecord error = Shell($"Import-CsvToCitus $csv {table} -Route Shard -Connection alone").Failed("CitusRouteNotPossible");
        RunResult export = Shell($"Export-CitusToCsv -Table {table} -Path ($csv + '.out') -Parallel -Connection alone").Succeeded();

        Assert.Contains($"node {BalancedCluster.NameOf(1)}:5432 can't be reached from here", error.Exception.Message,
            StringComparison.Ordinal);
        Assert.Contains("Connect-CitusCluster -LoadBalancedPort", error.Exception.Message, StringComparison.Ordinal);
        Assert.Contains("Connect-CitusCluster -LoadBalancedPort", Assert.Single(export.Warnings), StringComparison.Ordinal);
        Assert.Equal("Shard", Shell($"Import-CsvToCitus $csv {table} -Connection home").Single.Get("Route")!.ToString());
    }

    [Fact]
    public void Shards_are_exported_side_by_side_and_the_file_loads_again()
    {
        string table = _faults.Distribute(), again = _faults.Distribute();
        _faults.Shell["out"] = _faults.Csv + ".export";
        foreach (string connection in new[] { "home", "balanced" })
        {
            Shell($"Import-CsvToCitus $csv {table} -Truncate -Connection {connection}").Succeeded();
            PSObject export = Shell($"Export-CitusToCsv -Table {table} -Path $out -Parallel -Connection {connection}").Single;
            Assert.Equal((300_000L, "Shard"), (export.Get("Rows"), export.Get("Route")!.ToString()));
            Shell($"Import-CsvToCitus $out {again} -Truncate -Connection {connection}").Succeeded();
            _faults.AssertLoaded(again);
        }
    }

    [Theory]
    [InlineData("home")]
    [InlineData("balanced")]
    public void Every_cmdlet_runs_as_it_does_where_nodes_are_reached(string connection)
    {
        string table = _faults.Distribute(), rows = _faults.Distribute();
        string plain = $"plain_{connection}", reference = $"reference_{connection}";
        _faults.Execute($"CREATE TABLE {plain} (id bigint PRIMARY KEY, note text); CREATE TABLE {reference} (id int PRIMARY KEY)");
        _faults.Execute("CREATE SCHEMA IF NOT EXISTS balanced_tenant; DROP TABLE IF EXISTS balanced_times; "
            + "CREATE TABLE balanced_times (at date) PARTITION BY RANGE (at)");
        Guid import = Guid.NewGuid();
        _faults.Shell["out"] = _faults.Csv + ".out";
        _faults.Shell["report"] = _faults.Csv + ".html";
        string query = $"'SELECT user_id, count(*) FROM {table} GROUP BY user_id'";
        var scripts = new Dictionary<string, Action<IReadOnlyList<PSObject>>>
        {
            [$"Import-CsvToCitus $csv {table} -Route Shard -ImportId {import}"] = r => Assert.Equal(300_000L, r[0].Get("Rows")),
            ["Get-CitusImport"] = r => Assert.Equal("Complete", r.Single(i => i.Get("ImportId")!.Equals(import)).Get("State")!.ToString()),
            ["Repair-CitusImport"] = Assert.Empty,
            [$"Remove-CitusImport {import} -Confirm:$false"] = Assert.Empty,
            [$"[pscustomobject]@{{ id = 1; user_id = 2; note = 'x' }} | Add-CitusRow -Table {rows}"] =
                r => Assert.Equal(1L, r[0].Get("Rows")),
            [$"Export-CitusToCsv -Table {table} -Path $out -Parallel"] = r => Assert.Equal("Shard", r[0].Get("Route")!.ToString()),
            ["Get-CitusNode -Size"] = r => Assert.All(r, n => Assert.True(n.Get("Reachable") is true && n.Get("SizeBytes") is not null)),
            [$"Get-DistributedTable {table} -Size"] = r => Assert.True(Assert.Single(r).Get("SizeBytes") is > 1_000_000L),
            [$"Get-ShardPlacement {table}"] = r => Assert.Equal(4, r.Count(p => p.Get("SizeBytes") is > 0L)),
            [$"Resolve-ShardPlacement -Table {table} -Value 1, 2, 3"] = r => Assert.Equal(3, r.Count),
            [$"Measure-ShardSkew {table}"] = r => Assert.Single(r),
            ["Start-ShardRebalance -WhatIf"] = _ => { },
            ["Get-ShardRebalance"] = _ => { },
            ["Wait-ShardRebalance"] = _ => { },
            ["Get-CitusJob"] = _ => { },
            [$"Split-Shard (Get-ShardPlacement {table})[0].ShardId -WhatIf -TransferMode block_writes"] = r => Assert.Single(r),
            [$"Split-Tenant {table} 7 -WhatIf -TransferMode block_writes"] = r => Assert.Single(r),
            ["Get-CitusNodeClone"] = Assert.Empty,
            ["Get-CitusNode | Set-CitusNode -ShouldHaveShards $true -WhatIf"] = _ => { },
            [$"Set-DistributedTable {rows} -ShardCount 3 -WhatIf"] = r => Assert.Single(r),
            [$"ConvertTo-LocalTable {rows} -WhatIf"] = r => Assert.Single(r),
            [$"Clear-LocalTableData {rows}"] = r => Assert.Single(r),
            ["Get-ColumnarTable"] = _ => { },
            [$"try {{ Set-ColumnarTable {rows} -Compression none -ErrorAction Stop }} catch {{ 1 }} #"] = r => Assert.Single(r),
            ["Get-DistributedSchema"] = _ => { },
            ["Get-CitusTimePartition"] = _ => { },
            ["ConvertTo-DistributedSchema balanced_tenant"] = r => Assert.Single(r),
            ["Get-DistributedSchema balanced_tenant | ConvertFrom-DistributedSchema -Confirm:$false"] = Assert.Empty,
            ["try { Move-DistributedSchema balanced_tenant none:1 -ErrorAction Stop } catch { 1 } #"] = r => Assert.Single(r),
            ["New-CitusTimePartition balanced_times '1 day' 2026-01-02 -StartFrom 2026-01-01"] = r => Assert.Equal(3, r.Count),
            ["Set-CitusTimePartition balanced_times 2026-01-02 -AccessMethod heap"] = r => Assert.Equal(3, r.Count),
            ["Remove-CitusTimePartition balanced_times 2026-01-02 -Confirm:$false"] = r => Assert.Equal(2, r.Count),
            ["Get-Colocation -Size"] = r => Assert.NotEmpty(r),
            [$"Test-Colocation {table}, {rows}"] = r => Assert.Single(r),
            [$"Find-DistributionColumn {table}"] = r => Assert.NotEmpty(r),
            ["Find-DistributionPlan"] = r => Assert.NotEmpty(r),
            ["Export-CitusSchema"] = r => Assert.Contains(r, o => o.Get("Name")!.ToString()!.Contains(table, StringComparison.Ordinal)),
            ["Export-CitusSchema | Import-CitusSchema -WhatIf"] = r => Assert.NotEmpty(r),
            [$"Compare-CitusTable {table} -From {connection} -To {connection}"] = r =>
                Assert.StartsWith("source: 4 shards on 2 node(s)", (string)Assert.Single(r).Get("Method")!, StringComparison.Ordinal),
            [$"Test-CitusCsv $csv -Table {table}"] = r => Assert.Equal(300_000L, r[0].Get("Rows")),
            [$"Invoke-CitusQuery 'SELECT count(*) FROM {table}' -As Scalar"] = r => Assert.Equal(300_000L, r[0].BaseObject),
            ["Invoke-CitusQuery 'SELECT 1' -On AllNodes"] = r => Assert.Equal(3, r.Count(n => n.Get("Success") is true)),
            [$"Get-CitusQueryPlan {query}"] = r => Assert.Single(r),
            [$"Get-CitusQueryFragment {query}"] = r => Assert.Equal(4, r.Count),
            [$"Compare-CitusQueryPlan {query} 'SELECT count(*) FROM {table}'"] = r => Assert.Single(r),
            ["Get-CitusActivity"] = _ => { },
            ["Get-CitusLockWait"] = _ => { },
            ["Get-CitusStatement"] = _ => { },
            ["Get-CitusTenant"] = _ => { },
            ["Get-CitusSetting"] = r => Assert.NotEmpty(r),
            [$"Export-CitusReport -Path $report -Table {table} -PassThru"] = r => Assert.Single(r),
            [$"New-CitusRestorePoint by_{connection}"] = r =>
                Assert.Equal(3, ((IEnumerable<object>)Assert.Single(r).Get("Nodes")!).Count()),
            [$"Get-CitusRestorePoint by_{connection}"] = r => Assert.Single(r),
            [$"Update-CitusStatistic {table}"] = r => Assert.Equal(300_000L, Assert.Single(r).Get("EstimatedRows")),
            ["Repair-CitusCluster -OlderThan 1:00:00 -Confirm:$false"] = _ => { },
            ["Test-CitusCluster"] = r => Assert.DoesNotContain(r, c => $"{c.Get("Actual")}".Contains("reached", StringComparison.Ordinal)),
            [$"New-DistributedTable {plain} id -Confirm:$false"] = r => Assert.Single(r),
            [$"New-ReferenceTable {reference} -Confirm:$false"] = r => Assert.Single(r),
        };
        var failures = new List<string>();
        foreach ((string script, Action<IReadOnlyList<PSObject>> check) in scripts)
        {
            int before = _cluster.Balancer.Connections;
            var clock = Stopwatch.StartNew();
            RunResult run = Shell(script.Contains(" -To ", StringComparison.Ordinal) ? script : $"{script} -Connection {connection}");
            try
            {
                check(run.Succeeded().Output);
            }
            catch (Exception e)
            {
                failures.Add($"{script}: {e.Message}");
            }
            _output.WriteLine($"{_cluster.Balancer.Connections - before} connections, {clock.Elapsed.TotalSeconds:0.0} s: {script}");
        }
        Assert.True(failures.Count == 0, string.Join('\n', failures));
        string all = string.Join('\n', scripts.Keys);
        string[] missing = [.. _faults.Shell.Get("Get-Command -Module Woodgrove.Citus | "
            + "Where-Object { $_.Parameters.ContainsKey('Connection') } | ForEach-Object Name")
            .Select(n => n.ToString()).Where(n => !all.Contains(n, StringComparison.Ordinal))];
        Assert.Equal(["Add-CitusNode", "Add-CitusNodeClone", "Complete-CitusNodeClone", "Disconnect-CitusCluster", "Invoke-CitusValidation",
            "Move-ShardPlacement", "Remove-CitusNode", "Stop-CitusActivity", "Stop-CitusJob", "Stop-ShardRebalance",
            "Wait-CitusJob"], missing.Order());
    }

    [Fact]
    public void The_ledger_is_found_again_after_fifty_reconnects()
    {
        string table = _faults.Distribute();
        Guid import = Guid.NewGuid();
        Shell($"Import-CsvToCitus $csv {table} -Route Shard -ImportId {import} -Connection balanced").Succeeded();
        int before = _cluster.Balancer.Connections;
        for (int i = 0; i < 50; i++)
        {
            _cluster.Connect("again", _cluster.Balancer.Port, _cluster.Balancer.Port);
            Assert.Equal("Complete", Shell($"Get-CitusImport {import} -Connection again").Single.Get("State")!.ToString());
            if (i % 10 == 0)
                Shell($"Import-CsvToCitus $csv {table} -Route Shard -ImportId {import} -Connection again").Failed("CitusImportComplete");
        }
        _output.WriteLine($"{_cluster.Balancer.Connections - before} connections");
        _faults.AssertLoaded(table);
        foreach (SandboxServer worker in _faults.Workers)
            Assert.Equal(false, _cluster.Scalar(worker.Port, "SELECT to_regclass('woodgrove.import_batch') IS NOT NULL"));
    }

    [Fact]
    public void A_port_that_never_leads_to_the_node_is_an_error_that_counts_where_it_led()
    {
        string table = _faults.Distribute();
        var clock = Stopwatch.StartNew();
        _cluster.Balancer.LeadTo(_faults.Coordinator.Port, _faults.Workers[0].Port);
        try
        {
            ErrorRecord load = Shell($"Import-CsvToCitus $csv {table} -Route Shard -Connection home").Failed("CitusRouteNotPossible");
            Assert.Contains($"reached node {BalancedCluster.NameOf(2)}:5432 in ", load.Exception.Message, StringComparison.Ordinal);
            Assert.Matches($@"they reached group 0 \({BalancedCluster.NameOf(0)}:5432\) \d+ times, group 1 \(", load.Exception.Message);
            _cluster.Balancer.LeadTo(_faults.Workers[0].Port, _faults.Workers[1].Port);
            _cluster.Connect("astray", _cluster.Balancer.Port, _cluster.Balancer.Port);
            ErrorRecord any = Shell("Get-CitusNode -Connection astray").Failed("CitusNodeNotReached");
            Assert.Matches(@"the coordinator in [\d.]+ s: they reached group 1 \(.*\) \d+ times, group 2 \(", any.Exception.Message);
            Assert.Contains("connect to the coordinator's own port (5432 on Azure Elastic Clusters)", any.Exception.Message,
                StringComparison.Ordinal);
            foreach (SandboxServer worker in _faults.Workers)
                Assert.InRange((long)_cluster.Scalar(worker.Port, "SELECT count(*) FROM pg_stat_activity WHERE application_name = "
                    + "'Woodgrove.Citus'")!, 0, 120);
        }
        finally
        {
            _cluster.Balancer.LeadTo([.. _cluster.Servers.Select(s => s.Port)]);
        }
        _output.WriteLine($"{clock.Elapsed.TotalSeconds:0.0} s");
        Shell($"Import-CsvToCitus $csv {table} -Route Shard -Connection home").Succeeded();
        _faults.AssertLoaded(table);
    }

    [Fact]
    public async Task Servers_that_fail_while_sessions_are_pooled_are_found_again_when_they_are_up()
    {
        string table = _faults.Distribute();
        Shell($"Import-CsvToCitus $csv {table} -Route Shard -Connection home").Succeeded();
        foreach (SandboxServer server in _faults.Workers)
        {
            server.Kill();
            await server.StartAsync();
            Shell($"Import-CsvToCitus $csv {table} -Route Shard -Truncate -Connection home").Succeeded();
            _faults.AssertLoaded(table);
        }
    }

    [Fact]
    public async Task What_a_killed_load_left_prepared_is_ended_through_the_port()
    {
        string table = _faults.Distribute();
        using var proxy = new TcpProxy(_faults.Workers[0].Port);
        int[] direct = [.. _cluster.Servers.Select(s => s.Port)];
        _cluster.Balancer.LeadTo(direct[0], proxy.Port, direct[2]);
        proxy.CutAt("COMMIT PREPARED", 0, CutMoment.Held);
        using (Process process = Repository.StartScript($"""
            $null = Connect-CitusCluster -ConnectionString '{_faults.ConnectionString()}' -LoadBalancedPort {_cluster.Balancer.Port}
            Import-CsvToCitus '{_faults.Csv}' {table} -Route Shard
            """))
        {
            await proxy.Held.WaitAsync(TimeSpan.FromMinutes(2), TestContext.Current.CancellationToken);
            process.Kill();
            await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        }
        proxy.Cut(TimeSpan.Zero);
        _cluster.Balancer.LeadTo(direct);
        Assert.NotEqual(0L, _cluster.Scalar(direct[1], "SELECT count(*) FROM pg_prepared_xacts WHERE starts_with(gid, 'woodgrove_')"));

        RunResult repair = Shell("Repair-CitusImport -Connection home").Succeeded();

        Assert.Contains(repair.Output, r => r.Get("Action")!.ToString() == "Committed");
        _faults.AssertLoaded(table);
    }

    [Theory]
    [InlineData("Import-CsvToCitus $csv {0} -Route Shard")]
    [InlineData("Import-CsvToCitus $csv {0} -Route Worker")]
    [InlineData("Import-CsvToCitus $csv {0} -Route Coordinator")]
    [InlineData("Export-CitusToCsv -Table {0} -Path ($csv + '.stopped') -Parallel")]
    [InlineData("Invoke-CitusQuery 'SELECT count(*), pg_sleep(300) FROM {0}'")]
    [InlineData("Compare-CitusTable {0} -From balanced -To balanced; Get-CitusNode")]
    public async Task Stopped_statements_end_on_the_server_that_runs_them(string command)
    {
        string table = _faults.Distribute();
        const string running = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND pid <> pg_backend_pid() AND "
            + "application_name ~ '^(Woodgrove|citus_internal)' AND (wait_event_type = 'Lock' OR query LIKE '%pg_sleep%')";
        long Running() => _cluster.Servers.Sum(s => (long)_cluster.Scalar(s.Port, running)!);
        // A shard is locked where it lies, so that its server waits.
        using var blocker = new NpgsqlConnection(_faults.ConnectionString(_faults.Workers[0].Port) + ";Pooling=false");
        blocker.Open();
        string shard = (string)_faults.Scalar("SELECT shard_name(s.logicalrelid, s.shardid) FROM pg_dist_shard s JOIN "
            + $"pg_dist_placement p USING (shardid) WHERE s.logicalrelid = '{table}'::regclass AND p.groupid = 1 LIMIT 1")!;
        using (var hold = new NpgsqlCommand("SET citus.enable_manual_changes_to_shards = on; BEGIN; "
            + $"LOCK TABLE {shard} IN ACCESS EXCLUSIVE MODE", blocker)) hold.ExecuteNonQuery();
        using PowerShell shell = _faults.Shell.Create($"{command.Replace("{0}", table, StringComparison.Ordinal)} -Connection balanced");
        Task<PSDataCollection<PSObject>> work = shell.InvokeAsync();
        for (int i = 0; i < 600 && Running() == 0 && !work.IsCompleted; i++) await Task.Delay(50, TestContext.Current.CancellationToken);
        Assert.NotEqual(0L, Running());
        if (work.IsCompleted) Assert.Fail($"It ended before it was stopped: {string.Join('\n', shell.Streams.Error)}");

        var clock = Stopwatch.StartNew();
        await Task.Run(shell.Stop, TestContext.Current.CancellationToken);
        TimeSpan back = clock.Elapsed;
        for (int i = 0; i < 200 && Running() > 0; i++) await Task.Delay(50, TestContext.Current.CancellationToken);

        _output.WriteLine($"the prompt came back after {back.TotalSeconds:0.0} s, the servers after {clock.Elapsed.TotalSeconds:0.0} s");
        Assert.Equal(0L, Running());
        Assert.True(back < TimeSpan.FromSeconds(30), $"the prompt came back after {back}");
    }

    [Fact]
    public void Addresses_of_the_connection_serve_every_cmdlet_and_those_of_a_cmdlet_come_first()
    {
        string table = _faults.Distribute();
        string map = "-NodeAddress @{ " + string.Join("; ", _cluster.Servers.Select((s, i) =>
            $"'{BalancedCluster.NameOf(i)}' = '127.0.0.1:{s.Port}'"))
            + " }";
        _cluster.Connect("mapped", _faults.Coordinator.Port, _cluster.Balancer.Port, map);
        int before = _cluster.Balancer.Connections;
        Assert.Equal("Shard", Shell($"Import-CsvToCitus $csv {table} -Connection mapped").Single.Get("Route")!.ToString());
        RunResult export = Shell($"Export-CitusToCsv -Table {table} -Path ($csv + '.mapped') -Parallel -Connection mapped");
        Assert.Equal("Shard", export.Single.Get("Route")!.ToString());
        Shell("Get-CitusNode -Size -Connection mapped; Get-CitusImport -Connection mapped").Succeeded();
        // Nodes that are reached are not looked for.
        Assert.Equal(before, _cluster.Balancer.Connections);

        _cluster.Connect("mapped", _faults.Coordinator.Port, null, map);
        ErrorRecord error = Shell($"Import-CsvToCitus $csv {table} -Route Shard -Connection mapped -NodeAddress @{{ "
            + $"'{BalancedCluster.NameOf(1)}' = '127.0.0.1:1' }}").Failed("CitusRouteNotPossible");
        Assert.Contains("node 127.0.0.1:1 can't be reached", error.Exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_address_where_another_server_answers_is_not_taken_for_the_node()
    {
        string table = _faults.Distribute();
        _cluster.Connect("crossed", _faults.Coordinator.Port, _cluster.Balancer.Port,
            $"-NodeAddress @{{ '{BalancedCluster.NameOf(1)}' = '127.0.0.1:{_faults.Workers[1].Port}' }}");
        Shell($"Import-CsvToCitus $csv {table} -Route Shard -Connection crossed").Succeeded();
        _faults.AssertLoaded(table);
    }

    [Fact]
    public async Task From_another_network_namespace_everything_goes_through_the_balancer()
    {
        if (!Repository.Runs("unshare", "-n", "true")) Assert.Skip("needs the right to make a network namespace (unshare -n)");
        string table = _faults.Distribute(), folder = Directory.CreateTempSubdirectory("wg-").FullName;
        // Only the file system is shared, so the ports are Unix sockets, named as PostgreSQL names them.
        using var home = new LoadBalancer([_faults.Coordinator.Port], Path.Combine(folder, ".s.PGSQL.5432"));
        using var balancer = new LoadBalancer(_cluster.Servers.Select(s => s.Port), Path.Combine(folder, ".s.PGSQL.7432"));
        string to = _faults.ConnectionString().Replace("Host=127.0.0.1", $"Host={folder}", StringComparison.Ordinal)
            .Replace($"Port={_faults.Coordinator.Port}", "Port=5432", StringComparison.Ordinal);
        string export = _faults.Csv + ".netns";

        (int exit, string output, string error) = await Repository.RunScriptAsync($"""
            $null = Connect-CitusCluster -ConnectionString '{to}' -LoadBalancedPort 7432
            $import = (Import-CsvToCitus '{_faults.Csv}' {table}).Route
            $export = (Export-CitusToCsv -Table {table} -Path '{export}' -Parallel).Route
            "$import $export $(@(Get-CitusNode -Size | Where-Object SizeBytes -NE $null).Count)"
            """, ["unshare", "-n"]);

        Assert.True(exit == 0, error);
        Assert.Equal("Shard Shard 3", output);
        _faults.AssertLoaded(table);
        Directory.Delete(folder, recursive: true);
    }

    private object? Shards(string table) => _faults.Scalar($"SELECT count(*) FROM pg_dist_shard WHERE logicalrelid = '{table}'::regclass");

    private RunResult Shell(string script) => _faults.Shell.Run(script);
}
