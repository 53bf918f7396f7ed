using System.Diagnostics;
using Npgsql;
using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Transfer;

/// <summary>
/// Copies between clusters under faults that chance chooses, run again until they are complete: every row once, and nothing
/// left behind. <c>WOODGROVE_TEST_ROUNDS</c> sets how many, <c>WOODGROVE_TEST_SEED</c> repeats a run.
/// </summary>
public sealed class CopyKillTests : ClusterTest, IClassFixture<CopyClusters>
{
    private const int Attempts = 15;

    /// <summary>The cmdlet's warnings of a new attempt.</summary>
    private static readonly string[] Retried = ["Trying again in ", "Going on after the last committed part."];

    /// <summary>What a run may end with while servers are away, or end what was killed.</summary>
    private static readonly string[] Passing =
    [
        "CitusConnectionLost", "CitusConnectionFailed", "CitusImportRunning", "CitusCommitPending", "CitusImportPending",
        "CitusLockTimeout",
        "CitusServerError", "CitusTransactionConflict", "CitusQueryCancelled", "CitusCopySourceChanged", "CitusCopyStreamCut",
        "CitusClientError",
    ];

    private readonly CopyClusters _clusters;
    private readonly ITestOutputHelper _output;
    private int _retried;
    private int _usual = 2500; // milliseconds that a copy takes which nothing disturbs, from its connections on

    public CopyKillTests(CopyClusters clusters, ClusterFixture cluster, ITestOutputHelper output) : base(cluster)
    {
        cluster.RequireSandbox();
        cluster.RequireCitus();
        (_clusters, _output) = (clusters, output);
    }

    private enum Fault { Client, TargetWorker, SourceWorker, TargetCoordinator, SourceCoordinator, TargetSession }

    private static int Rounds => int.TryParse(Environment.GetEnvironmentVariable("WOODGROVE_TEST_ROUNDS"), out int rounds) ? rounds : 6;

    [Fact]
    public async Task Whatever_is_killed_meanwhile_every_row_is_copied_once_and_nothing_is_left_behind()
    {
        Random random = FaultCluster.Chance(_output);
        Create('a', 8);
        _clusters.Execute('a', "INSERT INTO moved SELECT i, i % 5000, 'note ' || i FROM generate_series(1, 400000) i");
        var happened = new Dictionary<Fault, int>();
        for (int round = 0; round < Rounds; round++)
        {
            // Every fault comes in turn; a copy that was over too soon is no round.
            var fault = (Fault)(round % Enum.GetValues<Fault>().Length);
            int before = happened.GetValueOrDefault(fault);
            for (int copy = 0; happened.GetValueOrDefault(fault) == before; copy++)
            {
                Assert.InRange(copy, 0, 9);
                int shards = random.Next(2) == 0 ? 8 : 5;
                bool defer = random.Next(2) == 0;
                Create('b', shards);
                int attempts = await CopyAsync(fault, defer, random, happened);
                _output.WriteLine($"round {round}: {fault} {happened.GetValueOrDefault(fault) - before} times, {shards} shards, "
                    + $"{(defer ? "deferred" : "kept")} indexes, {attempts} runs");
                _clusters.AssertSame("moved");
                Assert.Equal(1L, _clusters.Scalar('b', "SELECT count(*) FROM pg_indexes WHERE indexname = 'moved_note'"));
                await AssertNothingLeftAsync();
            }
        }
        _output.WriteLine(string.Join(", ", happened.OrderBy(h => h.Key).Select(h => $"{h.Key} {h.Value}"))
            + $"; {_retried} runs went on by themselves");
    }

    /// <returns>How many runs it took.</returns>
    private async Task<int> CopyAsync(Fault fault, bool defer, Random random, Dictionary<Fault, int> happened)
    {
        Guid id = Guid.NewGuid();
        for (int attempt = 1; attempt <= Attempts; attempt++)
        {
            using Process copy = Repository.StartScript($"""
                $null = Connect-CitusCluster -ConnectionString '{_clusters.ConnectionString('a')}' -Name a
                $null = Connect-CitusCluster -ConnectionString '{_clusters.ConnectionString('b')}' -Name b
                'connected'
                Copy-CitusTable moved -From a -To b -ImportId {id} {(defer ? "-DeferIndexes" : "")} -ErrorAction Stop 3>&1
                """);
            Task<string> errors = copy.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
            string? first = await copy.StandardOutput.ReadLineAsync(TestContext.Current.CancellationToken);
            var clock = Stopwatch.StartNew();
            Task<string> output = copy.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
            bool isBroken = first == "connected" && attempt <= 3 && !copy.WaitForExit(random.Next(_usual))
                && await BreakAsync(fault, copy, random);
            await copy.WaitForExitAsync(TestContext.Current.CancellationToken)
                .WaitAsync(TimeSpan.FromMinutes(4), TestContext.Current.CancellationToken);
            string told = await errors;
            // It happened if the copy felt it: it ended, or had to try again.
            string warnings = await output;
            bool wasRetried = Retried.Any(r => warnings.Contains(r, StringComparison.Ordinal));
            if (isBroken && (copy.ExitCode != 0 || wasRetried)) happened[fault] = happened.GetValueOrDefault(fault) + 1;
            if (wasRetried) _retried++;
            if (attempt == 1 && !isBroken && copy.ExitCode == 0) _usual = (int)clock.ElapsedMilliseconds;
            if (copy.ExitCode == 0) return attempt;
            if (copy.ExitCode == 1 && !Passing.Contains(told.Split([':', ',', ' ', '\n'], 2)[0])) Assert.Fail(told);
            await Task.Delay(500, TestContext.Current.CancellationToken);
        }
        Assert.Fail($"not complete after {Attempts} runs");
        return 0;
    }

    /// <returns>False where nothing was there to be broken any more.</returns>
    private async Task<bool> BreakAsync(Fault fault, Process copy, Random random)
    {
        switch (fault)
        {
            case Fault.Client:
                copy.Kill();
                await copy.WaitForExitAsync(TestContext.Current.CancellationToken);
                return copy.ExitCode != 0;
            case Fault.TargetSession:
                using (var worker = new NpgsqlConnection(
                    _clusters.ConnectionString('b', port: _clusters.Servers('b')[random.Next(1, 3)].Port) + ";Pooling=false"))
                {
                    await worker.OpenAsync(TestContext.Current.CancellationToken);
                    using var end = new NpgsqlCommand("SELECT count(pg_terminate_backend(pid)) FROM (SELECT pid FROM pg_stat_activity "
                        + "WHERE state = 'active' AND backend_type = 'client backend' AND query LIKE 'COPY%' LIMIT 1) s", worker);
                    while (!copy.HasExited)
                    {
                        if (await end.ExecuteScalarAsync(TestContext.Current.CancellationToken) is > 0L) return true;
                    }
                    return false;
                }
            default:
                SandboxServer[] servers = _clusters.Servers(fault is Fault.SourceWorker or Fault.SourceCoordinator ? 'a' : 'b');
                SandboxServer server = servers[fault is Fault.TargetCoordinator or Fault.SourceCoordinator ? 0 : random.Next(1, 3)];
                server.Kill();
                if (random.Next(2) == 0) copy.Kill();
                await Task.Delay(random.Next(0, 2000), TestContext.Current.CancellationToken);
                await server.StartAsync();
                return true;
        }
    }

    private void Create(char cluster, int shards) => _clusters.Execute(cluster, $"""
        DROP TABLE IF EXISTS moved;
        CREATE TABLE moved (id bigint, user_id bigint, note text);
        SELECT create_distributed_table('moved', 'user_id', shard_count := {shards}, colocate_with := 'none');
        CREATE INDEX moved_note ON moved (note)
        """);

    /// <summary>What a process that was killed left is ended by the next run, or within a moment.</summary>
    private async Task AssertNothingLeftAsync()
    {
        for (int attempt = 0; attempt < 100 && Left() > 0; attempt++)
        {
            await Task.Delay(100, TestContext.Current.CancellationToken);
            _clusters.Shell["to"] = _clusters.ConnectionString('b');
            _clusters.Shell.Run("$null = Connect-CitusCluster -ConnectionString $to -Name repair; Repair-CitusImport -Connection repair");
        }
        Assert.Equal(0, Left());

        long Left() => _clusters.Servers('b').Sum(server =>
        {
            using var session = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(_clusters.ConnectionString('b'))
                { Port = server.Port, Pooling = false }.ConnectionString);
            session.Open();
            using var command = new NpgsqlCommand("SELECT (SELECT count(*) FROM pg_prepared_xacts WHERE starts_with(gid, 'woodgrove_')) "
                + "+ (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND classid IN (1464815428, 1464815429) AND objid <> 0)", session);
            return (long)command.ExecuteScalar()!;
        });
    }
}
