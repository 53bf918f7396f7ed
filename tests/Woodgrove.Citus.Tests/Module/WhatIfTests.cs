using System.Management.Automation;
using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Module;

/// <summary>-WhatIf changes nothing, and refuses what would be refused.</summary>
public sealed class WhatIfTests(ClusterFixture cluster) : ClusterTest(cluster)
{
    private static readonly (string Script, string Id)[] Refused =
    [
        ("New-DistributedTable none_is_called id", "CitusTableNotFound"),
        ("New-ReferenceTable none_is_called", "CitusTableNotFound"),
        ("Import-CsvToCitus $csv none_is_called", "CitusTableNotFound"),
        ("[pscustomobject]@{ id = 1 } | Add-CitusRow none_is_called", "CitusTableNotFound"),
        ("[pscustomobject]@{ id = 1; other = 2 } | Add-CitusRow $table", "CitusUnknownColumn"),
        ("Remove-CitusImport ([guid]::NewGuid())", "CitusImportNotFound"),
        ("Export-CitusToCsv none_is_called $new", "CitusTableNotFound"),
        ("Export-CitusToCsv $table $new -Column other", "CitusColumnNotFound"),
        ("Export-CitusToCsv -Query 'SELECT 1 FROM none_is_called' $new", "CitusTableNotFound"),
        ("Export-CitusToCsv -Query 'SELEC 1' $new", "CitusSyntaxError"),
        ("Export-CitusToCsv $table $csv -NoClobber", "CitusFileExists"),
        ("Export-CitusToCsv $table $folder", "CitusFileExists"),
        ("Export-CitusToCsv $table $folder/none/x.csv", "CitusFileNotFound"),
        ("Export-CitusReport $new none_is_called", "CitusTableNotFound"),
        ("Export-CitusReport $new $table -Query 'SELECT 1 FROM none_is_called'", "CitusTableNotFound"),
        ("Export-CitusReport $csv $table -NoClobber", "CitusFileExists"),
        ("Set-DistributedTable none_is_called -ShardCount 3", "CitusTableNotFound"),
        ("ConvertTo-LocalTable none_is_called", "CitusTableNotFound"),
        ("Clear-LocalTableData none_is_called", "CitusTableNotFound"),
        ("Set-ColumnarTable none_is_called -Compression none", "CitusTableNotFound"),
        ("ConvertTo-DistributedSchema none_is_called", "CitusSchemaNotFound"),
        ("ConvertFrom-DistributedSchema none_is_called", "CitusSchemaNotFound"),
        ("Move-DistributedSchema none_is_called none:1", "CitusSchemaNotFound"),
        ("New-CitusTimePartition none_is_called '1 day' 2030-01-01", "CitusTableNotFound"),
        ("Set-CitusTimePartition none_is_called 2030-01-01 -AccessMethod heap", "CitusTableNotFound"),
        ("Remove-CitusTimePartition none_is_called 2030-01-01", "CitusTableNotFound"),
        ("New-CitusSampleData $csv", "CitusFileExists"),
        ("Copy-CitusTable $table -From (Get-CitusConnection)[-1] -To (Get-CitusConnection)[-1]", "CitusCopySameDatabase"),
        ("Export-CitusSchema $csv -NoClobber", "CitusFileExists"),
        ("Import-CitusSchema $csv", "CitusNotASchemaScript"),
        ("Start-CitusSandbox -Path $folder", "CitusSandboxFolderNotEmpty"),
        ("Start-ShardRebalance none_is_called", "CitusStrategyNotFound"),
        ("Stop-ShardRebalance", "CitusRebalanceNotRunning"),
        ("Move-ShardPlacement 1 nowhere:1", "CitusNodeNotFound"),
        ("Split-Shard 1", "CitusShardNotFound"),
        ("Split-Tenant none_is_called 1", "CitusTableNotFound"),
        ("Add-CitusNode 127.0.0.1 1", "CitusNodeUnsuitable"),
        ("Set-CitusNode nowhere -Enabled $false", "CitusNodeNotFound"),
        ("Remove-CitusNode nowhere", "CitusNodeNotFound"),
        ("Add-CitusNodeClone 127.0.0.1 1 -Primary nowhere", "CitusNodeNotFound"),
        ("Complete-CitusNodeClone nowhere", "CitusNodeNotFound"),
        ("Update-CitusStatistic none_is_called", "CitusTableNotFound"),
        ("New-CitusRestorePoint ('x' * 64)", "CitusInvalidArgument"),
        ("Stop-CitusActivity 1", "CitusSessionNotFound"),
        ("Stop-CitusJob 2000000000", "CitusJobNotFound"),
    ];

    /// <summary>What the stand-in has not.</summary>
    private static readonly string[] NeedsCitus =
        ["Start-Shard", "Stop-Shard", "Move-Shard", "Split-", "Add-CitusNode", "Set-CitusNode", "Remove-CitusNode", "Complete-CitusNode",
            "Stop-CitusJob",
            "ConvertTo-DistributedSchema", "ConvertFrom-DistributedSchema", "Move-DistributedSchema", "New-CitusTimePartition",
            "Set-CitusTimePartition", "Remove-CitusTimePartition"];

    /// <summary>What refuses nothing that can be known beforehand.</summary>
    private static readonly string[] Harmless = ["Stop-CitusSandbox", "Repair-CitusImport", "Repair-CitusCluster"];

    public static TheoryData<string, string> Refusals
    {
        get
        {
            var data = new TheoryData<string, string>();
            foreach ((string script, string id) in Refused) data.Add(script, id);
            return data;
        }
    }

    [Theory, MemberData(nameof(Refusals))]
    public void What_would_be_refused_is_refused(string script, string id)
    {
        Cluster.RequireSandbox();
        if (NeedsCitus.Any(n => script.StartsWith(n, StringComparison.Ordinal))) Cluster.RequireCitus();
        Prepare();

        Assert.Contains(Shell.Run($"{script} -WhatIf").Errors, e => e.FullyQualifiedErrorId.StartsWith($"{id},", StringComparison.Ordinal));

        Assert.False(Path.Exists((string)Shell["new"]!));
    }

    [Fact]
    public void Every_cmdlet_that_has_WhatIf_is_tried()
    {
        string[] all = [.. Shell.Get("Get-Command -Module Woodgrove.Citus | Where-Object { $_.Parameters.WhatIf }")
            .Select(c => c.ToString())];
        Assert.NotEmpty(all);
        Assert.All(all, name => Assert.Contains(Refused.Select(r => r.Script).Concat(Harmless),
            s => s.Contains(name, StringComparison.Ordinal)));
    }

    [Fact]
    public void What_would_work_changes_nothing()
    {
        Cluster.RequireSandbox();
        string table = Prepare(), other = Cluster.CreateTable("id bigint PRIMARY KEY");
        Guid import = Guid.NewGuid();
        Shell.Run($"Import-CsvToCitus $csv {table} -ImportId {import}").Succeeded();
        string[] rows = Cluster.Rows(table);

        foreach (string script in new[]
        {
            $"New-DistributedTable {other} id", $"New-ReferenceTable {other}", $"Import-CsvToCitus $csv {table} -OnConflict Skip",
            $"[pscustomobject]@{{ id = 900 }} | Add-CitusRow {table}", $"Remove-CitusImport {import}", "Repair-CitusImport",
            $"Export-CitusToCsv {table} $new", "Export-CitusToCsv -Query 'SELECT 1 AS one' $new", $"Export-CitusReport $new {table}",
            "New-CitusSampleData $new", "Start-CitusSandbox", "Stop-CitusSandbox",
        })
        {
            RunResult run = Shell.Run($"{script} -WhatIf").Succeeded();
            Assert.Contains("What if", run.Screen, StringComparison.Ordinal);
            Assert.DoesNotContain(run.Output, o => o.TypeNames[0].Contains("Result", StringComparison.Ordinal));
        }

        Assert.Equal(rows, Cluster.Rows(table));
        Assert.Equal("Complete", Shell.Run($"Get-CitusImport {import}").Single.Get("State")!.ToString());
        Assert.Equal(0L, Cluster.Scalar($"SELECT count(*) FROM pg_dist_partition WHERE logicalrelid = '{other}'::regclass"));
        Assert.Single(Shell.Get("Get-CitusSandbox"));
        Assert.False(Path.Exists((string)Shell["new"]!));
    }

    private string Prepare()
    {
        string table = Cluster.Distribute("id bigint PRIMARY KEY", "id"), name = Cluster.NewName("whatif");
        Shell["table"] = table;
        Shell["csv"] = Cluster.File($"{name}.csv", "id\n1\n2\n");
        Shell["folder"] = Cluster.Folder;
        Shell["new"] = Path.Combine(Cluster.Folder, $"{name}.new");
        return table;
    }
}
