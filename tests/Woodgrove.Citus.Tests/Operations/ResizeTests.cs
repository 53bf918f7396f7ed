using System.Collections.Concurrent;
using System.Diagnostics;
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

    private readonly ConcurrentBag<(long Customer, long Id, string By, TimeSpan At)> _written = [];
    private readonly Stopwatch _clock = Stopwatch.StartNew();
    private long _ids;

    private static int Rounds => int.TryParse(Environment.GetEnvironmentVariable("WOODGROVE_TEST_RESIZES"), out int chosen) ? chosen : 1;

    [Fact]
    public Task No_row_is_lost_or_doubled_while_nodes_come_and_go() => WriteWhileAsync((chance, round) =>
    {
        int leaves = changed.Ports[chance.Next(1, 4)];
        string mode = chance.Next(2) == 0 ? "auto" : "block_writes";
        output.WriteLine($"round {round}: {leaves} leaves and comes back, {mode}");
        Step($"Remove-CitusNode 127.0.0.1 {leaves} -Drain -TransferMode {mode} -Confirm:$false");
        Assert.Equal(0L, changed.Scalar<long>($"SELECT count(*) FROM pg_dist_node WHERE nodeport = {leaves}"));
        Step($"Add-CitusNode 127.0.0.1 {leaves}");
        Step($"Start-ShardRebalance -TransferMode {mode} -Wait -Timeout 240");
        Assert.Contains($"127.0.0.1:{leaves}", changed.NodesOf("resized"));
    });

    [Fact]
    public async Task No_row_is_lost_or_doubled_while_a_replica_becomes_a_node_and_leaves()
    {
        Cluster.RequireCitus();
        if (changed.Scalar<long>("SELECT count(*) FROM pg_proc WHERE proname = 'citus_add_clone_node'") == 0)
            Assert.Skip("Citus has clones of nodes from 13.2 on");
        await WriteWhileAsync((chance, round) =>
        {
            int primary = chance.Next(1, 4);
            using CopiedServer replica = CopiedServer.Start(changed.Server(primary), isStandby: true);
            output.WriteLine($"round {round}: a replica of {changed.Ports[primary]} at {replica.Port}");
            Step($"Add-CitusNodeClone 127.0.0.1 {replica.Port} -Primary {changed.Node(primary)}");
            Step($"Complete-CitusNodeClone 127.0.0.1 {replica.Port} -Confirm:$false");
            Assert.Contains($"127.0.0.1:{replica.Port}", changed.NodesOf("resized"));
            Step($"Remove-CitusNode 127.0.0.1 {replica.Port} -Drain -Confirm:$false");
        });
    }

    /// <summary>Runs rounds while rows are written, and compares what is in the table then with what was written.</summary>
    private async Task WriteWhileAsync(Action<Random, int> round)
    {
        Cluster.RequireSandbox();
        Cluster.RequireCitus();
        Random chance = FaultCluster.Chance(output);
        changed.Execute("DROP TABLE IF EXISTS resized", "CREATE TABLE resized (customer_id bigint, id bigint)",
            "ALTER TABLE resized REPLICA IDENTITY FULL",
            "SELECT create_distributed_table('resized', 'customer_id', shard_count := 6, colocate_with := 'none')");
        string name = Shell.Run("(Get-CitusConnection | Where-Object IsDefault).Name").Single.ToString();
        int[] seeds = [.. Enumerable.Range(0, 5).Select(_ => chance.Next())];
        using var end = new CancellationTokenSource();
        Task[] writers =
        [
            .. ((string[])["Coordinator", "Worker", "Shard"]).Select((route, i) => Task.Run(() => Load(route, name, seeds[i], end.Token))),
            Task.Run(() => InsertAsync(0, seeds[3], end.Token)), Task.Run(() => InsertAsync(1, seeds[4], end.Token)),
        ];
        try
        {
            for (int i = 0; i < Rounds; i++) await Task.Run(() => round(chance, i));
        }
        finally
        {
            await end.CancelAsync();
            await Task.WhenAll(writers);
        }
        ILookup<long, long> found = changed.Rows("SELECT id, customer_id FROM resized")
            .Select(r => r.Trim('(', ')').Split(',')).ToLookup(r => long.Parse(r[0], CultureInfo.InvariantCulture),
                r => long.Parse(r[1], CultureInfo.InvariantCulture));
        output.WriteLine($"{_written.Count} rows");
        Assert.Empty(_written.Where(r => !found[r.Id].SequenceEqual([r.Customer]))
            .Select(r => $"{r.Id} of {r.Customer}, written by {r.By} at {r.At}: {string.Join(", ", found[r.Id])}"));
        Assert.Equal(_written.Count, found.Count);
    }

    private void Step(string script)
    {
        int before = _written.Count;
        TimeSpan begun = _clock.Elapsed;
        Shell.Run(script).Succeeded();
        int more = _written.Count - before;
        output.WriteLine($"{script}: {more} rows meanwhile, {begun} to {_clock.Elapsed}");
        Assert.True(more > 0, $"no row was written during {script}");
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
            foreach ((long customer, long id) in rows) _written.Add((customer, id, route, _clock.Elapsed));
        }
    }

    /// <summary>Inserts single rows; one whose fate is not known is looked for.</summary>
    /// <param name="node">Through which; one that is not in the cluster now is asked again later.</param>
    private async Task InsertAsync(int node, int seed, CancellationToken end)
    {
        var random = new Random(seed);
        while (!end.IsCancellationRequested)
        {
            (long customer, long id) = (random.Next(Customers), Interlocked.Increment(ref _ids));
            for (int attempt = 0; ; attempt++)
            {
                try
                {
                    await using NpgsqlConnection session = changed.Open(changed.Ports[node]);
                    await using var insert = new NpgsqlCommand($"INSERT INTO resized VALUES ({customer}, {id})", session);
                    await insert.ExecuteNonQueryAsync(CancellationToken.None);
                    break;
                }
                catch (NpgsqlException e) when (attempt < 300)
                {
                    if (attempt < 3) lock (output) output.WriteLine($"insert through {changed.Node(node)} again after {e.Message}");
                    await Task.Delay(200, CancellationToken.None);
                    if (attempt > 10) node = 0;
                    if (changed.Scalar<long>($"SELECT count(*) FROM resized WHERE customer_id = {customer} AND id = {id}") > 0) break;
                }
            }
            _written.Add((customer, id, changed.Node(node), _clock.Elapsed));
            await Task.Delay(5, CancellationToken.None);
        }
    }
}
