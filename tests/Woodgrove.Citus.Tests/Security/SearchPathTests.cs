using System.Text.RegularExpressions;
using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Security;

/// <summary>
/// What a role that may create objects in public plants there is never called by the module, run by a superuser: the search path of
/// what the module asks is pinned on every node.
/// </summary>
public sealed class SearchPathTests(ClusterFixture cluster) : ClusterTest(cluster)
{
    /// <summary>Cmdlets that ask no cluster anything, or start one of their own.</summary>
    private static readonly string[] Elsewhere =
        ["Disconnect-CitusCluster", "Get-CitusConnection", "Get-CitusCheck", "Start-CitusSandbox", "Stop-CitusSandbox", "Get-CitusSandbox",
            "New-CitusSampleData", "Invoke-CitusValidation"];

    [Fact]
    public void Nothing_planted_in_public_is_run_by_any_cmdlet_of_a_superuser()
    {
        Cluster.RequireSandbox();
        using var plants = new Plants(Cluster);
        string plain = Cluster.NewName("plain"), events = Cluster.NewName("events"), users = Cluster.NewName("users"),
            fresh = Cluster.NewName("fresh"), reference = Cluster.NewName("ref");
        // Columns of types without operators of their own, which only overloads have exactly.
        Cluster.Execute($"CREATE TABLE {users} (id varchar(20) PRIMARY KEY, label name)");
        Cluster.Execute($"SELECT create_distributed_table('{users}', 'id', shard_count := 4, colocate_with := 'none')");
        Cluster.Execute($"CREATE TABLE {events} (id bigint, user_id varchar(20) REFERENCES {users}, note text, amount numeric, "
            + "PRIMARY KEY (user_id, id))");
        Cluster.Execute($"SELECT create_distributed_table('{events}', 'user_id', colocate_with := '{users}')");
        Cluster.Execute($"INSERT INTO {users} SELECT i::text, 'u' || i FROM generate_series(1, 500) i");
        Cluster.Execute($"INSERT INTO {events} SELECT 10000 + i, i::text, 'n', i FROM generate_series(1, 400) i");
        Cluster.Execute($"CREATE TABLE {plain} (id bigint PRIMARY KEY, note text)");
        Cluster.Execute($"CREATE TABLE {fresh} (id bigint PRIMARY KEY, note text)");
        Cluster.Execute($"CREATE TABLE {reference} (id bigint PRIMARY KEY, note text)");
        Cluster.Execute("ANALYZE");
        Shell["csv"] = Cluster.File("planted.csv",
            "id,user_id,note,amount\n" + string.Concat(Enumerable.Range(1, 400).Select(i => $"{i},{i},note {i},{i}.5\n")));
        Shell["more"] = Cluster.File("planted-more.csv",
            "id,user_id,note,amount\n" + string.Concat(Enumerable.Range(1, 400).Select(i => $"{20_000 + i},{i},note {i},{i}.5\n")));
        Shell["bad"] = Cluster.File("planted-bad.csv",
            "id,user_id,note,amount\n900,1,good,1\n1,1,has its key already,1\n901,nobody,lacks its user,1\n902,2,is no number,x\n");
        Shell["out"] = Path.Combine(Cluster.Folder, "planted-out.csv");
        Shell["report"] = Path.Combine(Cluster.Folder, "planted.html");
        Shell["rejects"] = Path.Combine(Cluster.Folder, "planted-rejects.csv");
        Shell["port"] = Cluster.Sandbox!.Get("Port");
        Shell["connectionString"] = Cluster.ConnectionString;
        Shell["connection"] = Cluster.Connection;
        string[] scripts =
        [
            "Connect-CitusCluster -ConnectionString $connectionString -Name planted | Disconnect-CitusCluster",
            $"New-DistributedTable {fresh} id", $"New-ReferenceTable {reference}", "Get-DistributedTable", $"Get-DistributedTable {events}",
            "Get-CitusNode", "Get-ShardPlacement", $"Get-ShardPlacement {events} -Value 7", $"'7', '8' | Resolve-ShardPlacement {users}",
            $"Measure-ShardSkew {events} -By Rows", $"Measure-ShardSkew {events}", $"Find-DistributionColumn {events}",
            "Find-DistributionPlan", "Export-CitusSchema", "Export-CitusSchema | Import-CitusSchema",
            $"Compare-CitusTable {events}, {plain} -From $connection -To $connection",
            "Compare-CitusTable * -From $connection -To $connection",
            $"Copy-CitusTable {events} -From (Get-CitusConnection)[-1] -To (Get-CitusConnection)[-1] -Query 'SELECT * FROM {events} WHERE false'",
            $"Set-DistributedTable {fresh} -ShardCount 3 -CascadeToColocated:$false -WhatIf",
            $"Set-DistributedTable {fresh} -ShardCount 3 -CascadeToColocated:$false -Confirm:$false",
            $"Clear-LocalTableData {fresh} -Confirm:$false", $"ConvertTo-LocalTable {fresh} -Confirm:$false", "Get-ColumnarTable",
            $"Set-ColumnarTable {fresh} -Compression none", "Get-DistributedSchema", "ConvertTo-DistributedSchema none_is_called",
            "ConvertFrom-DistributedSchema none_is_called", "Move-DistributedSchema none_is_called none:1",
            $"New-CitusTimePartition {fresh} '1 day' 2030-01-01", "Get-CitusTimePartition",
            $"Set-CitusTimePartition {fresh} 2030-01-01 -AccessMethod heap", $"Remove-CitusTimePartition {fresh} 2030-01-01",
            "Get-Colocation", $"Test-Colocation {events}, {users}", "Start-ShardRebalance -WhatIf", "Get-ShardRebalance",
            "Stop-ShardRebalance -Confirm:$false", "Wait-ShardRebalance", "Get-CitusJob", "Wait-CitusJob 2000000000",
            "Stop-CitusJob 2000000000 -WhatIf", "Move-ShardPlacement 1 nowhere:1 -WhatIf", "Split-Shard 1 -WhatIf",
            $"Split-Shard (Get-ShardPlacement {events})[0].ShardId -WhatIf", $"Split-Tenant {events} 7 -WhatIf",
            "Add-CitusNode 127.0.0.1 1 -WhatIf", "Set-CitusNode nowhere -Enabled $false -WhatIf",
            "Remove-CitusNode nowhere -WhatIf", "Add-CitusNodeClone 127.0.0.1 1 -Primary nowhere -WhatIf", "Get-CitusNodeClone",
            "Complete-CitusNodeClone nowhere -WhatIf",
            "New-CitusRestorePoint planted -Confirm:$false", "Get-CitusRestorePoint",
            "Update-CitusStatistic -Confirm:$false", $"Update-CitusStatistic {events}, {users} -Confirm:$false",
            $"Test-CitusCsv $csv {events}",
            $"Import-CsvToCitus $csv {events} -Route Coordinator",
            $"Import-CsvToCitus $bad {events} -Route Coordinator -OnError Skip -RejectPath $rejects",
            $"Import-CsvToCitus $csv {events} -Truncate",
            $"Import-CsvToCitus $bad {events} -Truncate -OnError Skip -RejectPath $rejects -OnConflict Update -ImportId "
                + "11111111-2222-3333-4444-555555555555",
            $"Import-CsvToCitus $csv {events} -Route Shard -OnError Skip -RejectPath $rejects",
            $"Import-CsvToCitus $more {events} -Route Worker",
            $"Import-CsvToCitus $bad {events}", $"Import-CsvToCitus $csv {events} -WhatIf", $"Import-CsvToCitus $csv {events} -Resume",
            $"[pscustomobject]@{{ id = 5000; user_id = '1'; note = 'n'; amount = 1 }} | Add-CitusRow {events} -OnConflict Skip",
            $"[pscustomobject]@{{ id = 5000; user_id = '1'; note = 'n'; amount = 1 }} | Add-CitusRow {events} -OnError Skip",
            "Get-CitusImport", "Repair-CitusImport", "Remove-CitusImport 11111111-2222-3333-4444-555555555555 -Confirm:$false",
            $"Export-CitusToCsv {events} $out", $"Export-CitusToCsv {events} $out -Parallel", "Invoke-CitusQuery 'SELECT 1'",
            "Invoke-CitusQuery 'SELECT 1' -On AllNodes",
            $"Invoke-CitusQuery 'SELECT 1 FROM {{shard}} LIMIT 1' -On Placements -Table {events}",
            $"Get-CitusQueryPlan 'SELECT * FROM {events}'", $"Get-CitusQueryPlan 'SELECT * FROM {events} FOR UPDATE'",
            $"Get-CitusQueryFragment 'SELECT * FROM {events}'",
            $"Compare-CitusQueryPlan 'SELECT * FROM {events}' 'SELECT * FROM {users}'",
            "Get-CitusActivity -All", "Stop-CitusActivity 1 -Confirm:$false", "Get-CitusLockWait", "Get-CitusStatement", "Get-CitusTenant",
            $"Export-CitusReport $report -Table {events}", "Test-CitusCluster", "Get-CitusSetting",
            "Repair-CitusCluster -OlderThan 0 -Confirm:$false",
            "[System.Management.Automation.CommandCompletion]::CompleteInput('Get-ShardPlacement ', 19, $null)",
            $"[System.Management.Automation.CommandCompletion]::CompleteInput('New-DistributedTable {events} ', {22 + events.Length}, "
                + "$null)",
        ];
        foreach (string name in Shell.Get("(Get-Module Woodgrove.Citus).ExportedCmdlets.Keys").Select(n => n.ToString()).Except(Elsewhere))
            Assert.Contains(scripts, s => s.Contains(name, StringComparison.Ordinal));

        var refused = new List<string>();
        try
        {
            plants.Plant();
            plants.Watch();
            // The plants work: the user's own query, on the user's path, runs them.
            Shell.Run("Invoke-CitusQuery 'SELECT quote_ident(relname), relname || 1::bigint FROM pg_class LIMIT 1'");
            IReadOnlyList<string> proof = plants.RunBy("postgres");
            Assert.Contains(proof, p => p.Contains("quote_ident(name)", StringComparison.Ordinal));
            Assert.Contains(proof, p => p.Contains("operator(name,bigint)", StringComparison.Ordinal));

            foreach (string script in scripts)
            {
                plants.Watch();
                RunResult run = Shell.Run(script);
                string[] ran = [.. plants.RunBy("postgres").Where(l => !Plants.IsRebalancePlan(script, l)).Distinct()];
                Assert.True(ran.Length == 0, $"{script} ran: {string.Join(Environment.NewLine, ran.Take(10))}");
                refused.AddRange(run.Errors.Select(e => $"{script}: {e.FullyQualifiedErrorId.Split(',')[0]}: {e.Exception.Message}"));
            }
        }
        finally
        {
            Cluster.Execute($"DROP TABLE IF EXISTS {events}, {users}, {plain}, {fresh}, {reference}");
        }
        // What fails with the plants there would hide what it did not come to.
        string[] unexpected = [.. refused.Where(r => !Expected.Any(e => Regex.IsMatch(r, e, RegexOptions.CultureInvariant)))];
        Assert.True(unexpected.Length == 0, string.Join(Environment.NewLine, unexpected));
    }

    /// <summary>Errors that these calls have on a cluster without plants too, but for Citus's own of a rebalance.</summary>
    private static readonly string[] Expected =
    [
        "^Stop-ShardRebalance.*: CitusRebalanceNotRunning", "^Stop-CitusActivity.*: CitusSessionNotFound",
        @"^Import-CsvToCitus \$bad.*: (CitusRowRefused|CitusRowsRejected)",
        "^Get-CitusQueryPlan .* FOR UPDATE': Citus",
        "^Import-CsvToCitus .* -Resume: CitusImportComplete", ".*Add-CitusRow .* -OnError Skip: CitusRowRefused",
        "^Start-ShardRebalance -WhatIf: CitusServerError",
        "^Get-Citus(Tenant|NodeClone): CitusNotSupported", "^(Repair-CitusCluster|New-CitusRestorePoint) .*: CitusNotSupported",
        "^Get-CitusStatement: CitusStatementsNotCounted",
        "^Import-CsvToCitus .* -Route (Shard|Worker).*: CitusRouteNotPossible",
        "^(Start|Get|Stop)-ShardRebalance.*: CitusNotSupported",
        "^(Wait|Stop)-CitusJob.*: CitusJobNotFound",
        "^(Move|Split|Add|Set|Remove|Complete)-.* -WhatIf: Citus(ShardNotFound|Node|NotSupported)",
        "^Set-ColumnarTable.*: CitusNotColumnar", "DistributedSchema none_is_called.*: CitusSchemaNotFound",
        "CitusTimePartition .*: CitusNotTimePartitioned", "(Set-|DistributedSchema|TimePartition|ColumnarTable).*: CitusNotSupported",
    ];
}
