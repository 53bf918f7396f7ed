using System.Collections.Concurrent;
using System.Globalization;
using System.Text;
using Npgsql;
using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Operations;

/// <summary>
/// The cluster grows and shrinks while rows are written by all three routes and one by one: none is lost or doubled. The
/// table has no key, so that a row that came twice would stay there twice. <c>WOODGROVE_TEST_RESIZES</c> is how many rounds.
/// </summary>
public sealed class ResizeTests(ClusterFixture cluster, ChangedCluster changed, ITestOutputHelper output)
    : ClusterTest(cluster), IClassFixture<ChangedCluster>
{
    private const int Customers = 200;

    private readonly ConcurrentBag<(long Customer, long Id)> _written = [];
    private long _ids;

    [Fact]
    public async Task No_row_is_lost_or_doubled_while_nodes_come_and_go()
    {
        Cluster.RequireSandbox();
        Cluster.RequireCitus();
        Random chance = FaultCluster.Chance(output);
        int rounds = int.TryParse(Environment.GetEnvironmentVariable("WOODGROVE_TEST_RESIZES"), out int chosen) ? chosen : 1;
        changed.Execute("CREATE TABLE resized (customer_id bigint, id bigint)", "ALTER TABLE resized REPLICA IDENTITY FULL",
            "SELECT create_distributed_table('resized', 'customer_id', shard_count := 6, colocate_with := 'none')");
        string name = Shell.Run("(Get-CitusConnection | Where-Object IsDefault).Name").Single.ToString();
        int[] seeds = [.. Enumerable.Range(0, 4).Select(_ => chance.Next())];
        using var end = new CancellationTokenSource();
        Task[] writers =
        [
            .. ((string[])["Coordinator", "Worker", "Shard"]).Select((route, i) => Task.Run(() => Load(route, name, seeds[i], end.Token))),
            Task.Run(() => InsertAsync(seeds[3], end.Token)),
        ];
        try
        {
            for (int round = 0; round < rounds; round++)
            {
                int leaves = changed.Ports[chance.Next(1, 4)];
                string mode = chance.Next(2) == 0 ? "auto" : "block_writes";
                output.WriteLine($"round {round}: {leaves} leaves and comes back, {mode}");
                Step($"Remove-CitusNode 127.0.0.1 {leaves} -Drain -TransferMode {mode} -Confirm:$false");
                Assert.Equal(0L, changed.Scalar<long>($"SELECT count(*) FROM pg_dist_node WHERE nodeport = {leaves}"));
                Step($"Add-CitusNode 127.0.0.1 {leaves}");
                Step($"Start-ShardRebalance -TransferMode {mode} -Wait -Timeout 240");
                Assert.Contains($"127.0.0.1:{leaves}", changed.NodesOf("resized"));
            }
        }
        finally
        {
            await end.CancelAsync();
            await Task.WhenAll(writers);
        }
        string[] expected = [.. _written.GroupBy(r => r.Customer).OrderBy(g => g.Key)
            .Select(g => string.Create(CultureInfo.InvariantCulture, $"({g.Key},{g.Count()},{g.Sum(r => r.Id)},{g.Aggregate(0L, (x, r) => x ^ (r.Id * r.Id))})"))];
        string[] found = [.. changed.Rows("SELECT customer_id, count(*) AS n, sum(id)::bigint AS ids, bit_xor(id * id) AS x FROM resized GROUP BY customer_id")
            .OrderBy(r => long.Parse(r[1..r.IndexOf(',', StringComparison.Ordinal)], CultureInfo.InvariantCulture))];
        output.WriteLine($"{_written.Count} rows of {expected.Length} keys");
        Assert.Equal(expected, found);

        void Step(string script)
        {
            int before = _written.Count;
            Shell.Run(script).Succeeded();
            int more = _written.Count - before;
            output.WriteLine($"{script}: {more} rows meanwhile");
            Assert.True(more > 0, $"no row was written during {script}");
        }
    }

    /// <summary>Loads small files, each until it is complete.</summary>
    private void Load(string route, string connection, int seed, CancellationToken end)
    {
        using var shell = new ModuleHost();
        var random = new Random(seed);
        while (!end.IsCancellationRequested)
        {
            var rows = Enumerable.Range(0, 400).Select(_ => ((long)random.Next(Customers), Interlocked.Increment(ref _ids))).ToList();
            var text = new StringBuilder("customer_id,id\n");
            foreach ((long customer, long id) in rows) text.Append(CultureInfo.InvariantCulture, $"{customer},{id}\n");
            shell["csv"] = Cluster.File($"resize-{route}.csv", text.ToString());
            string load = $"Import-CsvToCitus $csv resized -Route {route} -Connection {connection} -ImportId {Guid.NewGuid()}";
            RunResult run = shell.Run(load);
            for (int attempt = 0; run.Errors.Count > 0; attempt++)
            {
                string error = $"{run.Errors[0].FullyQualifiedErrorId}: {run.Errors[0].Exception.Message}";
                if (error.StartsWith("CitusImportComplete", StringComparison.Ordinal)) break;
                if (attempt == 20) throw new InvalidOperationException($"{route}: {error}");
                lock (output) output.WriteLine($"{route} again after {error}");
                Thread.Sleep(200);
                run = shell.Run(load);
            }
            foreach ((long, long) row in rows) _written.Add(row);
        }
    }

    /// <summary>Inserts single rows; one whose fate is not known is looked for.</summary>
    private async Task InsertAsync(int seed, CancellationToken end)
    {
        var random = new Random(seed);
        while (!end.IsCancellationRequested)
        {
            (long customer, long id) = (random.Next(Customers), Interlocked.Increment(ref _ids));
            for (int attempt = 0; ; attempt++)
            {
                try
                {
                    changed.Execute($"INSERT INTO resized VALUES ({customer}, {id})");
                    break;
                }
                catch (NpgsqlException e) when (attempt < 20)
                {
                    lock (output) output.WriteLine($"insert again after {e.Message}");
                    await Task.Delay(200, CancellationToken.None);
                    if (changed.Scalar<long>($"SELECT count(*) FROM resized WHERE customer_id = {customer} AND id = {id}") > 0) break;
                }
            }
            _written.Add((customer, id));
            await Task.Delay(5, CancellationToken.None);
        }
    }
}
