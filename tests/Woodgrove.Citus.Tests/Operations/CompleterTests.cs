using System.Globalization;
using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Operations;

/// <summary>Tab in pwsh, for the parameters of the cmdlets that change a cluster.</summary>
public sealed class CompleterTests(ClusterFixture cluster) : ClusterTest(cluster)
{
    [Theory, MemberData(nameof(Pwsh.Shells), MemberType = typeof(Pwsh))]
    public async Task Names_and_numbers_of_the_cluster_complete(string shell)
    {
        Cluster.RequireCitus();
        Cluster.RequireSandbox();
        string t = Cluster.NewName("completed"), schema = Cluster.NewName("tenant");
        Cluster.Execute($"CREATE TABLE {t} (id bigint PRIMARY KEY, note text); CREATE SCHEMA {schema}; CREATE TABLE {t}_p (at date) PARTITION BY RANGE (at)");
        Cluster.Execute($"SELECT create_distributed_table('{t}', 'id', shard_count := 4, colocate_with := 'none')");
        Cluster.Execute("INSERT INTO pg_dist_background_job (state, job_type, description, started_at, finished_at) "
            + "VALUES ('finished', 'test', 'a job to complete', now(), now())");
        Shell.Run($"New-CitusRestorePoint {t} -Confirm:$false").Succeeded();
        string shard = Number($"SELECT min(shardid) FROM pg_dist_shard WHERE logicalrelid = '{t}'::regclass"),
            job = Number("SELECT max(job_id) FROM pg_dist_background_job"),
            node = (string)Cluster.Scalar("SELECT nodename || ':' || nodeport FROM pg_dist_node WHERE groupid = 1")!;
        string port = node[(node.IndexOf(':', StringComparison.Ordinal) + 1)..], session = Number("SELECT citus_backend_gpid()");
        string table = t[..^1], begun = shard[..^1];
        (string Line, string Expected)[] lines =
        [
            .. ((string[])["Update-CitusStatistic", "Set-DistributedTable", "ConvertTo-LocalTable", "Clear-LocalTableData", "Split-Tenant",
                "Get-ColumnarTable", "Set-ColumnarTable", "New-CitusTimePartition", "Get-CitusTimePartition", "Set-CitusTimePartition",
                "Remove-CitusTimePartition"]).Select(c => ($"{c} -Table {table}", t)),
            ($"Set-DistributedTable {t} -DistributionColumn no", "note"), ($"Set-DistributedTable {t} -ColocateWith {table}", t),
            .. ((string[])["Update-CitusStatistic", "ConvertTo-DistributedSchema", "ConvertFrom-DistributedSchema", "Move-DistributedSchema",
                "Get-DistributedSchema"]).Select(c => ($"{c} -Schema {schema[..^1]}", schema)),
            ($"Move-DistributedSchema {schema} -ToNode ", $"'{node}'"), ($"Move-ShardPlacement {shard} -ToNode 127", $"'{node}'"),
            ($"Move-ShardPlacement {shard} -FromNode 127", $"'{node}'"), ($"Split-Shard {shard} -ToNode 127", $"'{node}'"),
            ($"Split-Tenant {t} 5 -ToNode 127", $"'{node}'"), ("Set-CitusNode -NodeName 127", "127.0.0.1"),
            ("Remove-CitusNode -NodeName 127", "127.0.0.1"), ($"Set-CitusNode 127.0.0.1 {port[..^1]}", port),
            ($"Stop-CitusActivity {session[..^1]}", session), ($"Move-ShardPlacement -ShardId {begun}", shard),
            ($"Split-Shard {begun}", shard),
            .. ((string[])["Get-CitusJob", "Wait-CitusJob", "Stop-CitusJob", "Get-ShardRebalance", "Wait-ShardRebalance"])
                .Select(c => ($"{c} -JobId ", job)),
            ($"Get-CitusRestorePoint {table}", t), ("Test-CitusCluster -Category Up", "Upgrade"),
        ];

        (int code, string output, string error) = await Pwsh.RunAsync(shell, $$"""
            $null = Connect-CitusCluster -ConnectionString '{{Cluster.ConnectionString}}'
            foreach ($line in @'
            {{string.Join('\n', lines.Select(l => l.Line))}}
            '@.Split("`n")) { "$line|$((TabExpansion2 $line $line.Length).CompletionMatches.CompletionText -join '|')" }
            "tip|$((TabExpansion2 'Split-Shard {{begun}}' {{12 + begun.Length}}).CompletionMatches.Where({ $_.CompletionText -eq '{{shard}}' }).ToolTip)"
            """);
        Cluster.Execute($"DELETE FROM pg_dist_background_job WHERE job_id = {job}; DROP TABLE {t}, {t}_p; DROP SCHEMA {schema}");

        Assert.True(code == 0, error + output);
        string[] printed = output.Split('\n', StringSplitOptions.TrimEntries);
        Assert.Equal("", string.Join('\n', lines.Where((l, i) => !printed[i].Split('|')[1..].Contains(l.Expected))
            .Select(l => $"{l.Expected} is missing: {Array.Find(printed, p => p.StartsWith(l.Line, StringComparison.Ordinal))}")));
        Assert.StartsWith($"tip|{t} on 127.0.0.1:", printed[lines.Length]);
    }

    private string Number(string sql) => Convert.ToString(Cluster.Scalar(sql), CultureInfo.InvariantCulture)!;
}
