using System.Globalization;
using System.Management.Automation;
using Npgsql;
using Woodgrove.Citus.Tests.Help;
using Woodgrove.Citus.Tests.Hosting;
using Woodgrove.Citus.Tests.Security;

namespace Woodgrove.Citus.Tests.Safety;

/// <summary>
/// Every cmdlet as a role that is no superuser, beside a role that plants functions, operators, a policy and a trigger: it
/// does its work, or says which privilege the role lacks, and runs nothing that was planted.
/// </summary>
public sealed class RoleTests(ClusterFixture cluster, ITestOutputHelper output) : ClusterTest(cluster)
{
    private static readonly string[] Denied = ["CitusPermissionDenied"];

    /// <summary>Cmdlets that ask no cluster for anything, which any role may run.</summary>
    private static readonly string[] Local =
    [
        "Connect-CitusCluster -ConnectionString $as -Name again", "Get-CitusConnection", "Disconnect-CitusCluster again", "Get-CitusCheck",
        "New-CitusSampleData $folder -UserCount 5 -EventCount 5", "Start-CitusSandbox -WhatIf", "Get-CitusSandbox",
        "Stop-CitusSandbox -WhatIf",
    ];

    [Theory]
    [InlineData("owner")]
    [InlineData("loader")]
    [InlineData("reader")]
    [InlineData("monitor")]
    [InlineData("stranger")]
    [InlineData("hostile")]
    public void Every_cmdlet_works_or_names_the_privilege_that_is_missing(string kind)
    {
        Cluster.RequireSandbox();
        using var plants = new Plants(Cluster);
        string table = Cluster.Distribute("id bigint, user_id bigint, note text, PRIMARY KEY (user_id, id)", "user_id"),
            role = kind == "hostile" ? plants.Hostile : Cluster.NewName(kind);
        Cluster.Execute($"INSERT INTO {table} SELECT i, i % 50, 'n' FROM generate_series(1, 500) i");
        string password = File.ReadAllText(new NpgsqlConnectionStringBuilder(Cluster.ConnectionString).Passfile!).Trim().Split(':')[^1];
        Shell["csv"] = Cluster.File("roles.csv",
            "id,user_id,note\n" + string.Concat(Enumerable.Range(1000, 200)
                .Select(i => string.Create(CultureInfo.InvariantCulture, $"{i},{i % 50},more\n"))));
        // The ledger is a superuser's.
        string own = Cluster.Distribute("id bigint, user_id bigint, note text", "user_id");
        Shell.Run($"Import-CsvToCitus $csv {own} -ImportId {Guid.NewGuid()}").Succeeded();
        if (Cluster.IsCitus) Shell.Run($"Import-CsvToCitus $csv {own} -Route Worker").Succeeded();
        if (Cluster.IsCitus) Shell.Run($"New-CitusRestorePoint {role} -Confirm:$false").Succeeded();
        if (kind != "hostile") Cluster.Execute($"CREATE ROLE {role} LOGIN PASSWORD '{password}'");
        Cluster.Execute($"REVOKE CREATE ON SCHEMA public FROM PUBLIC");
        string[] loads = Granted("loader", role, table);
        foreach (string grant in kind switch
        {
            "owner" => [$"GRANT CREATE ON SCHEMA public TO {role}", $"ALTER TABLE {table} OWNER TO {role}", .. loads],
            "loader" => loads,
            "reader" or "monitor" => Granted(kind, role, table),
            _ => Array.Empty<string>(),
        }) Cluster.Execute(grant);
        Shell["as"] = $"{Cluster.ConnectionString.Replace("Username=postgres", $"Username={role}", StringComparison.Ordinal)}";
        Shell["out"] = Path.Combine(Cluster.Folder, "roles-out.csv");
        Shell["page"] = Path.Combine(Cluster.Folder, "roles.html");
        Shell["folder"] = Path.Combine(Cluster.Folder, $"roles-{role}");

        bool creates = kind is "owner" or "hostile", writes = kind is "owner" or "loader", reads = writes || kind == "reader";
        // The cmdlet, whether it must work, and whether it must then put out objects.
        (string Script, bool Works, bool HasOutput)[] calls =
        [
            ($"New-DistributedTable {role}_fresh user_id -Definition 'id bigint, user_id bigint'", creates, true),
            ($"New-ReferenceTable {role}_reference -Definition 'id bigint PRIMARY KEY'", creates, true),
            ($"Get-DistributedTable {table}", true, true), ("Get-CitusNode", true, true), ($"Get-ShardPlacement {table}", true, true),
            ($"Get-ShardPlacement {table} -Value 7", true, true), ($"7, 8 | Resolve-ShardPlacement {table}", true, true),
            ($"Measure-ShardSkew {table}", true, true), ($"Measure-ShardSkew {table} -By Rows", reads, true),
            ($"Find-DistributionColumn {table}", reads, true),
            ("Find-DistributionPlan", true, false), ("Export-CitusSchema", true, true),
            ("Export-CitusSchema | Import-CitusSchema -WhatIf", true, true),
            ($"Compare-CitusTable {table} -From role -To role", reads, true),
            ("Wait-ShardRebalance", true, false), ("Get-CitusJob", true, false), ("Wait-CitusJob 2000000000", true, false),
            ("Stop-CitusJob 2000000000 -WhatIf", true, false), ("Move-ShardPlacement 1 nowhere:1 -WhatIf", true, false),
            ("Split-Shard 1 -WhatIf", true, false), ($"Split-Tenant {table} 7 -WhatIf", kind == "owner", true),
            ("Add-CitusNode 127.0.0.1 1 -WhatIf", false, false), ("Set-CitusNode nowhere -Enabled $false -WhatIf", false, false),
            ("Remove-CitusNode nowhere -WhatIf", false, false),
            ("Add-CitusNodeClone 127.0.0.1 1 -Primary nowhere -WhatIf", false, false), ("Get-CitusNodeClone", true, false),
            ("Complete-CitusNodeClone nowhere -WhatIf", false, false),
            ("New-CitusRestorePoint by_role -WhatIf", false, false),
            ("Get-CitusRestorePoint", kind == "monitor" || !Cluster.IsCitus, Cluster.IsCitus),
            ($"Update-CitusStatistic {table} -WhatIf", kind == "owner", true),
            ($"Copy-CitusTable {table} -From role -To role -Query 'SELECT * FROM {table} WHERE false'; Get-DistributedTable {table}", writes,
                true),
            // What they change is planned only: the tables are those of the calls after them.
            ($"Set-DistributedTable {table} -ShardCount 3 -WhatIf", true, Cluster.IsCitus),
                ($"ConvertTo-LocalTable {table} -WhatIf", true, true),
            ($"Clear-LocalTableData {table} -WhatIf", true, true), ("Get-ColumnarTable", true, false),
            ($"Set-ColumnarTable {table} -Compression none -WhatIf", true, false), ("Get-DistributedSchema", true, false),
            ("ConvertTo-DistributedSchema none_is_called -WhatIf", true, false),
            ("ConvertFrom-DistributedSchema none_is_called -WhatIf", true, false),
            ("Move-DistributedSchema none_is_called none:1 -WhatIf", true, false),
            ($"New-CitusTimePartition {table} '1 day' 2030-01-01 -WhatIf", true, false),
            ("Get-CitusTimePartition", true, false), ($"Set-CitusTimePartition {table} 2030-01-01 -AccessMethod heap -WhatIf", true, false),
            ($"Remove-CitusTimePartition {table} 2030-01-01 -WhatIf", true, false),
            ("Get-Colocation", true, true), ($"Test-Colocation {table}, {table}", true, true),
            ("Start-ShardRebalance -WhatIf", true, false), ("Get-ShardRebalance", true, false), ("Stop-ShardRebalance", true, false),
            ($"Test-CitusCsv $csv {table}", true, true), ($"Import-CsvToCitus $csv {table}", writes, true),
            ($"Import-CsvToCitus $csv {table} -OnConflict Skip", writes, true),
            ($"Import-CsvToCitus $csv {table} -ImportId {Guid.NewGuid()} -OnConflict Update", writes, true),
            ($"[pscustomobject]@{{ id = 9000; user_id = 1; note = 'n' }} | Add-CitusRow {table}", writes, true),
            ("Get-CitusImport", writes || kind == "monitor", true), ("Repair-CitusImport", true, false),
            ($"Remove-CitusImport {Guid.Empty} -Confirm:$false", false, false),
            ($"Export-CitusToCsv {table} $out", reads, true), ($"Invoke-CitusQuery 'SELECT count(*) FROM {table}'", reads, true),
            ("Invoke-CitusQuery 'SELECT 1' -On AllNodes", true, true),
            ($"Get-CitusQueryPlan 'SELECT * FROM {table}'", reads, true),
            ($"Get-CitusQueryFragment 'SELECT * FROM {table}'", reads, Cluster.IsCitus),
            ($"Compare-CitusQueryPlan 'SELECT * FROM {table}' 'SELECT * FROM {table}'", reads, true),
            // Those of all tables come to the hostile role's too.
            ("Get-DistributedTable -Size", true, true), ("Get-CitusNode -Size", true, true), ("Get-ShardPlacement", true, true),
            ("Measure-ShardSkew", true, true), ("Measure-ShardSkew -By Rows", false, true),
            ("Get-CitusActivity -All", true, true), ("Stop-CitusActivity 1 -Confirm:$false", true, false),
            ("Get-CitusLockWait", true, false), ("Get-CitusStatement", true, false),
            ("Get-CitusTenant", kind == "monitor", false),
            ($"Export-CitusReport $page {table}", true, false), ("Repair-CitusCluster -WhatIf", true, false),
            ("Test-CitusCluster", true, true), ("Get-CitusSetting", true, true),
            ("Invoke-CitusValidation WalLevel -Output None", true, true),
        ];
        foreach (string name in Shell.Get("(Get-Module Woodgrove.Citus).ExportedCmdlets.Keys").Select(n => n.ToString()))
            Assert.Contains(calls.Select(c => c.Script).Concat(Local), s => s.Contains(name, StringComparison.Ordinal));
        Shell.Run("$null = Connect-CitusCluster -ConnectionString $as -Name role").Succeeded();
        using var connected = new AtEnd(() => Shell.Run("Get-CitusConnection | Where-Object Name -EQ role | Disconnect-CitusCluster"));
        foreach (string script in Local) Shell.Run(script).Succeeded();

        (string bait, string distributed) = plants.Bait();
        plants.Plant();
        plants.Watch();
        // The plants work: the role's own SQL runs them.
        Shell.Run("Invoke-CitusQuery 'SELECT quote_ident(relname), relname || 1::bigint FROM pg_class LIMIT 1' -Connection role");
        Shell.Run($"Invoke-CitusQuery 'SELECT count(*) FROM {bait}' -Connection role; Invoke-CitusQuery 'INSERT INTO {bait} VALUES (2, "
            + $"2, NULL)' -Connection role; Invoke-CitusQuery 'SELECT count(*) FROM {distributed}' -Connection role");
        string proof = string.Join('\n', plants.RunBy(role));
        foreach (string plant in (string[])["quote_ident(name)", "operator(name,bigint)", "trigger",
            .. kind == "hostile" ? (string[])[] : ["policy of Woodgrove.Citus by",
                .. Cluster.IsCitus ? (string[])["policy of citus_internal"] : []]])
            Assert.Contains($"PLANTED {plant}", proof, StringComparison.Ordinal);

        var wrong = new List<string>();
        foreach ((string script, bool works, bool hasOutput) in calls)
        {
            plants.Watch();
            RunResult run = Shell.Run(script.EndsWith("-To role", StringComparison.Ordinal) ? script : $"{script} -Connection role");
            wrong.AddRange(plants.RunByOthers().Where(l => !Plants.IsRebalancePlan(script, l)).Distinct().Take(5)
                .Select(l => $"{script} ran what was planted: {l}"));
            string[] ids = [.. run.Errors.Select(e => e.FullyQualifiedErrorId.Split(',')[0])];
            string said = ids.Length == 0 ? $"{run.Output.Count} objects, {run.Warnings.Count} warnings"
                : string.Join(' ', run.Errors.Select(e => $"{e.FullyQualifiedErrorId.Split(',')[0]}: {e.Exception.Message}"));
            output.WriteLine($"{script}: {said}");
            bool isUnavailable = ids.Any(i => i is "CitusNotSupported" or "CitusStatementsNotCounted" or "CitusImportNotFound"
                    or "CitusRebalanceNotRunning" or "CitusPesterMissing" or "CitusShardNotFound" or "CitusNodeNotFound"
                    or "CitusJobNotFound" or "CitusSessionNotFound" or "CitusNotColumnar" or "CitusSchemaNotFound"
                    or "CitusNotTimePartitioned")
                // Citus's own session runs a plant; or schemas that other tests have left need a privilege, which is named.
                || (script.StartsWith("Start-ShardRebalance", StringComparison.Ordinal) && (ids.Contains("CitusServerError")
                    || (ids.Contains("CitusNodeRefused") && said.Contains("GRANT USAGE ON SCHEMA", StringComparison.Ordinal))));
            if (works && !isUnavailable && (ids.Length > 0 || (hasOutput && run.Output.Count == 0)))
                wrong.Add($"{script} should work: {said}");
            if (kind == "monitor" && script == "Test-CitusCluster")
                wrong.AddRange(run.Output.Where(c => c.Get("Status")!.ToString() == "Skipped"
                    && ((string)c.Get("Actual")!).Contains("right", StringComparison.Ordinal)).Select(c =>
                        $"{c.Get("Check")}: {c.Get("Actual")}"));
            if (!works && !isUnavailable && (ids.Length == 0 || !ids.All(Denied.Contains)))
                wrong.Add($"{script} should name the privilege that is missing: {said}");
        }
        Cluster.Execute($"DROP TABLE IF EXISTS {bait}, {distributed}, {role}_fresh, {role}_reference");
        Assert.True(wrong.Count == 0, string.Join(Environment.NewLine, wrong));
    }

    /// <summary>Does something at the end of a test, however it ends.</summary>
    private sealed class AtEnd(Action action) : IDisposable
    {
        public void Dispose() => action();
    }

    /// <summary>The statements that the help gives such a role, for this one.</summary>
    private string[] Granted(string kind, string role, string table) =>
        [.. File.ReadLines(Path.Combine(Pages.Folder, "about_Woodgrove_Citus.md"))
            .Where(l => l.StartsWith("GRANT", StringComparison.Ordinal) && l.EndsWith($" TO {kind};", StringComparison.Ordinal))
            .Where(l => Cluster.IsCitus || !l.Contains("import_part", StringComparison.Ordinal) // which only its route creates
                && !l.Contains("restore_point", StringComparison.Ordinal))
            .Select(l => l.Replace($" TO {kind};", $" TO {role}", StringComparison.Ordinal)
                .Replace("payment_events", table, StringComparison.Ordinal))];
}
