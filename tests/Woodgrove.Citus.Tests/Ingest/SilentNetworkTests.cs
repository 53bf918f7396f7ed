using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Ingest;

/// <summary>A network that swallows what is sent, so that nobody is told that a connection is gone.</summary>
public sealed class SilentNetworkTests(ClusterFixture cluster, ITestOutputHelper output) : ClusterTest(cluster)
{
    /// <summary>Longer than the keepalives of a load's sessions take to find out, and far shorter than TCP itself does.</summary>
    private const int Seconds = 75;

    [Theory]
    [InlineData("Shard")]
    [InlineData("Coordinator")]
    public async Task A_load_that_nobody_answered_for_a_while_goes_on_and_no_row_comes_twice(string route)
    {
        Cluster.RequireCitus();
        if (!Environment.IsPrivilegedProcess || !Repository.Runs("unshare", "-n", "ip", "link", "set", "lo", "up"))
            Assert.Skip("needs root, unshare and ip, for a network of its own");
        string rows = FaultCluster.Generate(300_000, 3)["id,user_id,note\n".Length..];
        string path = Cluster.File($"silent_{route}.csv", "id,user_id,note\n" + string.Concat(Enumerable.Repeat(rows, 8)));

        (int exit, string told, string error) = await Repository.RunScriptAsync($$"""
            ip link set lo up
            $sandbox = Start-CitusSandbox -Engine Citus -WorkerCount 2
            try {
                foreach ($table in 'disturbed', 'undisturbed') {
                    $null = New-DistributedTable $table user_id -Definition 'id bigint, user_id bigint, note text' -ShardCount 4 -ColocateWith none -WarningAction SilentlyContinue
                }
                $null = Import-CsvToCitus '{{path}}' undisturbed
                $null = bash -c 'nohup sh -c "sleep 1; ip link set lo down; sleep {{Seconds}}; ip link set lo up" >/dev/null 2>&1 &'
                $result = Import-CsvToCitus '{{path}}' disturbed -Route {{route}} -Checkpoint 4MB -WarningVariable breaks -WarningAction SilentlyContinue -ErrorAction Stop
                "$($breaks.Count) breaks, $([int]$result.Duration.TotalSeconds) s"
                $result.Rows
                foreach ($table in 'disturbed', 'undisturbed') {
                    Invoke-CitusQuery "SELECT string_agg(line, ' ' ORDER BY line) FROM (SELECT user_id || ':' || count(*) || ':' || sum(hashtextextended(id || note, 0)) AS line FROM $table GROUP BY user_id) keys" -As Scalar
                }
            }
            finally {
                Stop-CitusSandbox $sandbox
            }
            """, ["unshare", "-n"]);

        Assert.True(exit == 0 && error.Length == 0, error);
        string[] lines = told.Split('\n');
        output.WriteLine(lines[0]);
        Assert.Equal("2400000", lines[1]);
        Assert.Equal(lines[3], lines[2]);
    }
}
