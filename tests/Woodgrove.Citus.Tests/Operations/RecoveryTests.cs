using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Management.Automation;
using System.Text;
using System.Text.RegularExpressions;
using Npgsql;
using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Operations;

/// <summary>A cluster all of whose servers were lost, and whose backups are recovered to a restore point.</summary>
public sealed class RecoveryTests(ClusterFixture cluster, ChangedCluster changed, ITestOutputHelper output)
    : ClusterTest(cluster), IClassFixture<ChangedCluster>
{
    private const int RowsOfFile = 2000;

    private readonly ConcurrentQueue<Work> _transfers = [], _imports = [];
    private readonly Stopwatch _clock = Stopwatch.StartNew();

    [Fact]
    public async Task The_nodes_agree_about_every_transaction_and_every_import_of_the_restore_point()
    {
        Cluster.RequireSandbox();
        Cluster.RequireCitus();
        changed.Execute("CREATE TABLE entries (account bigint, transfer bigint, amount int)",
            "SELECT create_distributed_table('entries', 'account', shard_count := 6)",
            "CREATE TABLE imported (id bigint, number bigint)", "SELECT create_distributed_table('imported', 'id', shard_count := 6)");
        string name = Shell.Run("(Get-CitusConnection | Where-Object IsDefault).Name").Single.ToString();
        Import(Shell, 0, name); // creates the ledger
        SandboxServer[] servers = [changed.Coordinator, .. Enumerable.Range(1, 3).Select(changed.Server)];
        string[] backups = [.. servers.Select(s => s.BackUp())];

        using var end = new CancellationTokenSource();
        Task[] writers = [.. Enumerable.Range(0, 2).Select(i => Task.Run(() => Transfer(i, end.Token))),
            Task.Run(() => Import(name, end.Token))];
        (TimeSpan before, TimeSpan after) = (default, default);
        try
        {
            await WriteMoreAsync(writers);
            before = _clock.Elapsed;
            await CreatePointAsync();
            after = _clock.Elapsed;
            await WriteMoreAsync(writers);
        }
        finally
        {
            await end.CancelAsync();
            await Task.WhenAll(writers);
        }
        foreach (SandboxServer server in servers) server.Kill();
        foreach ((SandboxServer server, string backup) in servers.Zip(backups)) await server.RestoreAsync(backup, "before_the_fire");
        foreach (int port in changed.Ports)
            while (changed.Rows("SELECT pg_is_in_recovery()", port) is not ["(f)"])
                await Task.Delay(50, TestContext.Current.CancellationToken);
        changed.Execute(MaintenanceDaemon.Await, "SELECT recover_prepared_transactions()");
        IReadOnlyList<PSObject> pending = Repair().Where(r => r.Get("Action")!.ToString() == "Pending").ToList();

        long[] transfers = Keys("SELECT transfer FROM entries"), imports = Keys("SELECT number FROM imported");
        output.WriteLine($"{transfers.Length} of {_transfers.Count} transfers and {imports.Length} of {_imports.Count} imports are recovered, "
            + $"{pending.Count} prepared transactions were undecided");
        Assert.Equal(0L, changed.Scalar<long>("SELECT count(*) FROM (SELECT transfer FROM entries GROUP BY transfer HAVING count(*) <> 2) t"));
        Assert.Equal(0L, changed.Scalar<long>($"SELECT count(*) FROM (SELECT number FROM imported GROUP BY number HAVING count(*) <> {RowsOfFile}) t"));
        // An import waited with its decision. A restored server does not know that no decision is lost, so it leaves them.
        Assert.NotEmpty(pending);
        foreach (PSObject part in pending.Where(p => !((string)p.Get("Reason")!).Contains("it protects rows", StringComparison.Ordinal)))
        {
            Match advice = Regex.Match((string)part.Get("Reason")!, "otherwise (?<run>ROLLBACK PREPARED '.+')$");
            using NpgsqlConnection node = changed.Open(int.Parse(((string)part.Get("Node")!).Split(':')[1], null));
            new NpgsqlCommand(advice.Groups["run"].Value, node).ExecuteNonQuery();
        }
        Assert.Equal(["RolledBack"], Repair().Select(r => r.Get("Action")!.ToString())); // its guard
        Assert.Equal(0L, changed.Scalar<long>(
            "SELECT sum(result::bigint)::bigint FROM run_command_on_all_nodes('SELECT count(*) FROM pg_prepared_xacts')"));
        Agree(_transfers, transfers);
        Agree(_imports, imports);

        // What was committed before is there, and what began afterwards is not; both were written.
        void Agree(IEnumerable<Work> work, long[] found)
        {
            long[] early = [.. work.Where(w => w.End < before).Select(w => w.Number)],
                late = [.. work.Where(w => w.Start > after).Select(w => w.Number)];
            Assert.NotEmpty(early);
            Assert.NotEmpty(late);
            Assert.Empty(early.Except(found));
            Assert.Empty(late.Intersect(found));
        }
    }

    private IReadOnlyList<PSObject> Repair() => Shell.Run("Repair-CitusImport -Confirm:$false").Output;

    /// <summary>Creates the restore point, at a moment when an import's rows are prepared and its decision waits for the point.</summary>
    private async Task CreatePointAsync()
    {
        await using NpgsqlConnection session = changed.Open();
        await using NpgsqlTransaction holding = await session.BeginTransactionAsync();
        await new NpgsqlCommand("LOCK TABLE pg_dist_transaction IN ROW EXCLUSIVE MODE", session, holding).ExecuteNonQueryAsync();
        Task<RunResult> point = Task.Run(() => Shell.Run("New-CitusRestorePoint before_the_fire -Confirm:$false"));
        while (!point.IsCompleted && changed.Scalar<long>("SELECT count(*) FROM pg_locks WHERE NOT granted AND mode = 'RowExclusiveLock' "
            + "AND relation = 'woodgrove.import_batch'::regclass") == 0)
            await Task.Delay(20, TestContext.Current.CancellationToken);
        await holding.RollbackAsync();
        (await point).Succeeded();
    }

    private long[] Keys(string sql) => [.. changed.Rows($"SELECT DISTINCT * FROM ({sql}) k")
        .Select(r => long.Parse(r.Trim('(', ')'), CultureInfo.InvariantCulture))];

    private async Task WriteMoreAsync(Task[] writers)
    {
        (int transfers, int imports) = (_transfers.Count, _imports.Count);
        while (_transfers.Count < transfers + 50 || _imports.Count < imports + 2)
        {
            Assert.DoesNotContain(writers, w => w.IsCompleted);
            await Task.Delay(20, TestContext.Current.CancellationToken);
        }
    }

    /// <summary>Commits transactions of two rows, which lie on several nodes.</summary>
    private void Transfer(int writer, CancellationToken end)
    {
        using NpgsqlConnection session = changed.Open();
        for (long number = writer; !end.IsCancellationRequested; number += 2)
        {
            TimeSpan start = _clock.Elapsed;
            using NpgsqlTransaction transaction = session.BeginTransaction();
            for (int side = 0; side < 2; side++)
                new NpgsqlCommand($"INSERT INTO entries VALUES ({number + side}, {number}, {1 - 2 * side})", session, transaction)
                    .ExecuteNonQuery();
            transaction.Commit();
            _transfers.Enqueue(new Work(number, start, _clock.Elapsed));
        }
    }

    private void Import(string connection, CancellationToken end)
    {
        using var shell = new ModuleHost();
        for (int number = 1; !end.IsCancellationRequested; number++) Import(shell, number, connection);
    }

    private void Import(ModuleHost shell, int number, string connection)
    {
        var csv = new StringBuilder("id,number\n");
        for (int id = 0; id < RowsOfFile; id++) csv.Append(CultureInfo.InvariantCulture, $"{id},{number}\n");
        string path = Cluster.File($"imported{number}.csv", csv.ToString());
        TimeSpan start = _clock.Elapsed;
        shell.Run($"Import-CsvToCitus '{path}' imported -Route Shard -Connection {connection}").Succeeded();
        _imports.Enqueue(new Work(number, start, _clock.Elapsed));
    }

    private sealed record Work(long Number, TimeSpan Start, TimeSpan End);
}
