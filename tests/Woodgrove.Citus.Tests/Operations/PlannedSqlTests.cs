using System.Text.RegularExpressions;
using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Operations;

/// <summary>-WhatIf of the cmdlets that change shards and nodes: it changes nothing, and the SQL shown is the SQL that then runs.</summary>
public sealed partial class PlannedSqlTests(ClusterFixture cluster, ChangedCluster changed) : ClusterTest(cluster),
    IClassFixture<ChangedCluster>
{
    [Fact]
    public void What_is_shown_is_what_runs_and_showing_it_changes_nothing()
    {
        Cluster.RequireSandbox();
        Cluster.RequireCitus();
        changed.Execute("CREATE TABLE \"Odd 'Name\" (\"Key\" text PRIMARY KEY, note text)",
            "SELECT create_distributed_table('\"Odd ''Name\"', 'Key', shard_count := 4, colocate_with := 'none')",
            "INSERT INTO \"Odd 'Name\" SELECT 'it''s \\ ' || i, 'x' FROM generate_series(1, 500) i");
        long[] shards = changed.ShardsOf("\"Odd ''Name\"");
        string on = changed.NodesOf("\"Odd ''Name\"")[0];
        string to = ((string[])[changed.Node(1), changed.Node(2), changed.Node(3)]).First(n => n != on);
        int port = changed.Ports[3];
        Shell["value"] = "it's \\ 7";
        Shell["table"] = "\"Odd 'Name\"";
        string before = Content();
        foreach (string script in new[]
        {
            $"Move-ShardPlacement {shards[0]} {to}", $"Split-Shard {shards[1]} -Into 3",
                $"Split-Shard {shards[2]} -TransferMode block_writes",
            "Split-Tenant $table $value -TransferMode block_writes", $"Set-CitusNode 127.0.0.1 {port} -ShouldHaveShards $false",
            $"Set-CitusNode 127.0.0.1 {port} -ShouldHaveShards $true",
            $"Remove-CitusNode 127.0.0.1 {port} -Drain -TransferMode block_writes",
            $"Add-CitusNode 127.0.0.1 {port}",
        })
        {
            // A move that has ended removes its source a moment later.
            changed.Execute("CALL citus_cleanup_orphaned_resources()");
            string digest = changed.Digest();
            string[] sql = [.. (IEnumerable<string>)Shell.Run($"{script} -WhatIf").Single.Get("Sql")!];
            Assert.NotEmpty(sql);
            Assert.Equal(digest, changed.Digest());
            int logged = changed.Log().Length;

            Shell.Run($"{script} -Confirm:$false").Succeeded();

            Assert.Equal(sql, Changes(changed.Log()[logged..]));
            Assert.NotEqual(digest, changed.Digest());
            Assert.Equal(before, Content());
        }
    }

    private string Content() => changed.Scalar<string>("SELECT count(*) || ' ' || sum(hashtext(\"Key\" || note)::bigint) FROM \"Odd 'Name\"");

    /// <summary>The changes that clients asked for, without those that were only tried with other values, and Citus's own.</summary>
    private static string[] Changes(string log) => [.. Change().Matches(log).Select(m => m.Groups[1].Value.Trim())];

    [GeneratedRegex(@"LOG:  execute <unnamed>: ((?:SELECT|CALL) pg_catalog\.(?:citus_(?:move|split|set|add|remove|disable|activate|update|cleanup)_|isolate_)\w+\([^$\n]*|DO \$wait\$[^\n]*)$", RegexOptions.Multiline)]
    private static partial Regex Change();
}
