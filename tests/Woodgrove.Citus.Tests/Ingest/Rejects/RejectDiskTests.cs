using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Ingest.Rejects;

/// <summary>The disk that the rejected rows are written to is full.</summary>
public sealed class RejectDiskTests(ClusterFixture cluster) : ClusterTest(cluster)
{
    [Theory]
    [InlineData("Shard")]
    [InlineData("Coordinator")]
    public async Task A_full_disk_ends_the_load_between_two_batches_and_with_room_it_goes_on(string route)
    {
        // A small file system that only the load's own process sees, and that goes with it.
        string rights = Environment.IsPrivilegedProcess ? "-m" : "-rm";
        if (!OperatingSystem.IsLinux() || !Repository.Runs("unshare", rights, "mount", "-t", "tmpfs", "tmpfs", "/mnt"))
            Assert.Skip("needs Linux and the right to mount a file system");
        const string columns = "id bigint, user_id bigint, note text";
        string table = Cluster.Distribute(columns, "user_id"), expected = Cluster.CreateTable(columns);
        string good = FaultCluster.Generate(30_000, 5);
        Cluster.CopyAsPsql(expected, System.Text.Encoding.UTF8.GetBytes(good), "FORMAT csv, HEADER true");
        // Every tenth line is followed by one that the server refuses: with the reasons 500 KB, for a disk of 256 KB.
        var bad = new List<string>();
        var csv = new System.Text.StringBuilder();
        foreach (string line in good.Split('\n'))
        {
            csv.Append(line).Append('\n');
            if (!line.EndsWith("\"\"\"", StringComparison.Ordinal) || csv.Length % 10 != 0) continue;
            bad.Add($"x{bad.Count},{bad.Count % 50},{new string('b', 50)}");
            csv.Append(bad[^1]).Append('\n');
        }
        csv.Length--;
        string path = Cluster.File($"{table}.csv", csv.ToString()),
            disk = Directory.CreateDirectory(Path.Combine(Cluster.Folder, $"{table}_disk")).FullName;
        string load = $"Import-CsvToCitus '{path}' {table} -Route {route} -Checkpoint 256KB -OnError Skip -RejectPath '{disk}/bad.csv'";

        (int exit, string output, string error) = await Repository.RunScriptAsync($$"""
            $null = Connect-CitusCluster -ConnectionString '{{Cluster.ConnectionString}}'
            mount -t tmpfs -o size=256k tmpfs '{{disk}}'
            {{load}} -ErrorVariable failed -ErrorAction SilentlyContinue
            $failed.FullyQualifiedErrorId; $failed.Exception.Message
            (Get-CitusImport)[0].State; (Get-CitusImport)[0].Rows
            (Invoke-CitusQuery 'SELECT count(*) FROM {{table}}' -As Scalar)
            mount -o remount,size=4m '{{disk}}'
            ({{load}} -Resume -ErrorAction Stop).Rows
            [IO.File]::ReadAllText('{{disk}}/bad.csv')
            """, ["unshare", rights]);

        Assert.True(exit == 0 || error.Length == 0, error);
        string[] told = output.Split('\n', 7);
        Assert.StartsWith("CitusReadFailed,", told[0], StringComparison.Ordinal);
        Assert.Contains("No space left on device", told[1], StringComparison.Ordinal);
        Assert.Contains("bad", told[1], StringComparison.Ordinal);
        Assert.Equal("Interrupted", told[2]);
        Assert.InRange(long.Parse(told[3]), 1, 29_999);
        Assert.Equal(told[3], told[4]);
        Assert.Equal(30_000, long.Parse(told[3]) + long.Parse(told[5]));
        Assert.Equal(string.Join('\n', bad.Prepend("id,user_id,note")), told[6].TrimEnd());
        Assert.Equal(Cluster.Rows(expected), Cluster.Rows(table));
    }
}
