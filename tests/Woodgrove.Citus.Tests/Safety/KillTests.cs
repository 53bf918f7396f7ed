using System.Diagnostics;
using System.Globalization;
using System.Management.Automation;
using Npgsql;
using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Safety;

/// <summary>
/// Loads under faults that chance chooses, resumed until they are complete: every row once, and nothing left behind.
/// <c>WOODGROVE_TEST_ROUNDS</c> sets how many, <c>WOODGROVE_TEST_SEED</c> repeats a run.
/// </summary>
public sealed class KillTests(FaultCluster faults, ITestOutputHelper output) : IClassFixture<FaultCluster>
{
    private const int Attempts = 15;
    private string _owner = "", _second = "", _stranger = "";

    private enum Fault { Client, Worker, Coordinator, Backend, Guard, Move, Split, Alter, Undistribute, SecondClient, RepairElsewhere,
        StandbyReader, OtherRole }

    private static int Rounds => int.TryParse(Environment.GetEnvironmentVariable("WOODGROVE_TEST_ROUNDS"), out int rounds) ? rounds : 12;

    [Fact]
    public async Task Whatever_happens_meanwhile_every_row_is_loaded_once_and_nothing_is_left_behind()
    {
        faults.Require();
        Random random = FaultCluster.Chance(output);
        faults.Shell["direct"] = faults.ConnectionString();
        // Undisturbed first; it creates woodgrove.import_part.
        faults.Shell.Run("$null = Connect-CitusCluster -ConnectionString $direct -Name direct; "
            + $"Import-CsvToCitus '{faults.Csv}' {faults.Distribute()} -Route Worker -Connection direct").Succeeded();
        (_owner, _second, _stranger) = (faults.CreateRole("owner"), faults.CreateRole("second"), faults.CreateRole("stranger"));
        faults.Execute($"GRANT {_owner} TO {_second}");
        foreach (string role in new[] { _owner, _second })
            faults.Execute($"GRANT USAGE ON SCHEMA woodgrove TO {role}; GRANT SELECT, INSERT, UPDATE, DELETE ON woodgrove.import_batch, "
                + $"woodgrove.import_part TO {role}");
        using CopiedServer standby = CopiedServer.Start(faults.Coordinator, isStandby: true);
        var happened = new Dictionary<Fault, int>();
        for (int round = 0; round < Rounds; round++)
        {
            // Every fault comes in turn, so that a short run has each of them too; a load that was over too soon is no round.
            var fault = (Fault)(round % Enum.GetValues<Fault>().Length);
            int before = happened.GetValueOrDefault(fault);
            for (int load = 0; happened.GetValueOrDefault(fault) == before; load++)
            {
                Assert.InRange(load, 0, 9);
                string table = faults.Distribute(), route = new[] { "Shard", "Shard", "Worker", "Coordinator" }[random.Next(4)];
                Guid import = Guid.NewGuid();
                string told = await LoadAsync(table, route, import, fault, standby, random, happened);
                output.WriteLine($"round {round}: {route}, {fault} {happened.GetValueOrDefault(fault) - before} times: {told}");
                await AssertRoundAsync(table, import, told);
            }
        }
        output.WriteLine(string.Join(", ", happened.OrderBy(h => h.Key).Select(h => $"{h.Key} {h.Value}")));
    }

    /// <summary>
    /// Runs a load in processes of its own until it is complete or refuses to go on, with a fault in its midst while
    /// the first of them run.
    /// </summary>
    /// <returns>The last word: complete, or the error id that ended it.</returns>
    private async Task<string> LoadAsync(string table, string route, Guid import, Fault fault, CopiedServer standby, Random random,
        Dictionary<Fault, int> happened)
    {
        string role = "postgres";
        if (fault == Fault.OtherRole) faults.Execute($"ALTER TABLE {table} OWNER TO {role = _owner}");
        for (int attempt = 0; attempt < Attempts; attempt++)
        {
            using Process load = Start(table, route, import, role);
            Task<string> errors = load.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
            Assert.Equal("connected", await load.StandardOutput.ReadLineAsync(TestContext.Current.CancellationToken));
            // After its fault has come to pass, a load is only resumed.
            if (attempt < 3 && !load.WaitForExit(random.Next(10, 1500))
                && await BreakAsync(fault, load, table, route, import, standby, random))
            {
                happened[fault] = happened.GetValueOrDefault(fault) + 1;
                if (fault == Fault.OtherRole) role = new[] { "postgres", _owner, _second }[random.Next(3)]; // who goes on
            }
            await load.WaitForExitAsync(TestContext.Current.CancellationToken)
                .WaitAsync(TimeSpan.FromMinutes(4), TestContext.Current.CancellationToken);
            string told = await errors;
            if (load.ExitCode == 0 || told.StartsWith("CitusImportComplete", StringComparison.Ordinal)) return "complete";
            string id = told.Split([':', ',', ' ', '\n'], 2)[0];
            if (id is "CitusTableReplaced" or "CitusImportTableChanged") return id;
            // A node that is away for longer, or a load that still ends, is waited for.
            if (load.ExitCode == 1 && id is not ("CitusConnectionLost" or "CitusImportRunning" or "CitusCommitPending"
                or "CitusImportPending" or "CitusLockTimeout" or "CitusServerError"
                or "CitusTransactionConflict" or "CitusRouteNotPossible" or "CitusConnectionFailed" or "CitusQueryCancelled"))
                    Assert.Fail(told);
            await Task.Delay(500, TestContext.Current.CancellationToken);
        }
        Assert.Fail($"not complete after {Attempts} attempts");
        return "";
    }

    /// <returns>False where the load was over before.</returns>
    private async Task<bool> BreakAsync(Fault fault, Process load, string table, string route, Guid import, CopiedServer standby,
        Random random)
    {
        switch (fault)
        {
            case Fault.Client:
                load.Kill();
                return true;
            case Fault.Worker or Fault.Coordinator:
                SandboxServer server = fault == Fault.Coordinator ? faults.Coordinator : faults.Workers[random.Next(2)];
                server.Kill();
                if (random.Next(2) == 0) load.Kill();
                await Task.Delay(random.Next(0, 2000), TestContext.Current.CancellationToken);
                await server.StartAsync();
                return true;
            case Fault.Backend:
                return Try("SELECT count(pg_terminate_backend(pid)) FROM (SELECT pid FROM pg_stat_activity WHERE backend_type = 'client "
                    + "backend' AND datname = 'citus' AND pid <> pg_backend_pid() ORDER BY random() LIMIT 2) p") is > 0L;
            case Fault.Guard:
                string end = "SELECT count(pg_terminate_backend(pid)) FROM pg_locks WHERE locktype = 'relation' AND relation = "
                    + $"'{table}'::regclass AND mode = 'RowExclusiveLock' AND pid IS NOT NULL";
                while (!load.HasExited && Try(end) is 0L) await Task.Delay(5, TestContext.Current.CancellationToken);
                return !load.HasExited;
            case Fault.Move:
                return Try($"""
                    SELECT count(citus_move_shard_placement(s.shardid, s.nodename, s.nodeport, s.other, s.otherport,
                        '{(random.Next(2) == 0 ? "block_writes" : "force_logical")}'))
                    FROM (SELECT s.shardid, s.nodename, s.nodeport, n.nodename AS other, n.nodeport AS otherport FROM citus_shards s
                        JOIN pg_dist_node n ON n.shouldhaveshards AND n.nodeport <> s.nodeport
                          WHERE s.table_name = '{table}'::regclass ORDER BY random() LIMIT 1) s
                    """) is not null;
            case Fault.Split:
                return Try($"""
                    SELECT citus_split_shard_by_split_points(s.shardid,
                        ARRAY[((s.shardminvalue::bigint + s.shardmaxvalue::bigint) / 2)::text], ARRAY[n.nodeid, n.nodeid], 'block_writes')
                    FROM pg_dist_shard s JOIN pg_dist_placement p USING (shardid) JOIN pg_dist_node n USING (groupid)
                        WHERE s.logicalrelid = '{table}'::regclass ORDER BY random() LIMIT 1
                    """) is not null;
            case Fault.Alter:
                return Try($"SELECT alter_distributed_table('{table}', shard_count := {random.Next(5, 9)})") is not null;
            case Fault.Undistribute:
                return Try($"SELECT undistribute_table('{table}')") is not null;
            case Fault.SecondClient:
                using (Process second = Start(table, route, import))
                {
                    await second.WaitForExitAsync(TestContext.Current.CancellationToken)
                        .WaitAsync(TimeSpan.FromMinutes(4), TestContext.Current.CancellationToken);
                    return true;
                }
            case Fault.OtherRole:
                load.Kill();
                await load.WaitForExitAsync(TestContext.Current.CancellationToken);
                // Who may not keep the ledger, and another owner, are told what is pending and end nothing; a superuser ends it.
                PSObject refused = Assert.Single(Repair(_stranger));
                Assert.Contains("may not use schema woodgrove", (string)refused.Get("Reason")!, StringComparison.Ordinal);
                Assert.All(Repair(_second), s => Assert.Equal("Pending", s.Get("Action")!.ToString()));
                Assert.DoesNotContain(Repair("postgres"),
                    s => s.Get("Reason") is string why && why.Contains("belongs to", StringComparison.Ordinal));
                return true;
            case Fault.RepairElsewhere:
                if (random.Next(2) == 0) load.Kill();
                return Look(faults.Workers[random.Next(2)].Port, "Repair-CitusImport");
            default:
                return Look(standby.Port, "Repair-CitusImport");
        }
    }

    private IReadOnlyList<PSObject> Repair(string role)
    {
        faults.Shell["look"] = faults.ConnectionStringOf(role);
        return faults.Shell.Run("$null = Connect-CitusCluster -ConnectionString $look -Name look; Repair-CitusImport -Connection look")
            .Succeeded().Output;
    }

    private bool Look(int port, string command)
    {
        faults.Shell["look"] = faults.ConnectionString(port);
        RunResult run = faults.Shell.Run("$null = Connect-CitusCluster -ConnectionString $look -Name look; "
            + $"Get-CitusImport -Connection look; {command} -Connection look");
        run.Succeeded();
        return true;
    }

    private object? Try(string sql)
    {
        try
        {
            return faults.Scalar(sql) ?? "";
        }
        catch (NpgsqlException e)
        {
            output.WriteLine($"  {e.Message.Split('\n')[0]}");
            return null;
        }
    }

    private Process Start(string table, string route, Guid import, string role = "postgres") => Repository.StartScript($"""
        $null = Connect-CitusCluster -ConnectionString '{faults.ConnectionStringOf(role)}'
        'connected'
        (Import-CsvToCitus '{faults.Csv}' {table} -Route {route} -Checkpoint 512KB -ImportId {import} -ErrorAction Stop).Rows
        """);

    private async Task AssertRoundAsync(string table, Guid import, string told)
    {
        if (told == "complete") faults.AssertLoaded(table, prepared: false);
        else
        {
            // It was replaced under the load: what the ledger says is in it, and nothing twice.
            object? rows = faults.Scalar($"SELECT coalesce(sum(rows), 0)::bigint FROM woodgrove.import_batch WHERE import_id = '{import}'");
            Assert.Equal(rows, faults.Scalar($"SELECT count(*) FROM {table}"));
            Assert.Equal(rows, faults.Scalar($"SELECT count(*) FROM (SELECT id, user_id, note FROM {table} INTERSECT SELECT id, user_id, "
                + "note FROM expected) x"));
        }
        // What a process that was killed left is ended within a moment.
        string[] left = [];
        for (int attempt = 0; attempt < 100; attempt++)
        {
            if (told != "complete") Look(faults.Coordinator.Port, "Repair-CitusImport");
            left = Left(import);
            if (left.Length == 0) return;
            await Task.Delay(100, TestContext.Current.CancellationToken);
        }
        Assert.Empty(left);
    }

    /// <summary>What of an import is still there: prepared transactions, locks, tables, and rows of woodgrove.import_part.</summary>
    private string[] Left(Guid import)
    {
        string[] sql =
        [
            $"SELECT 'prepared ' || count(*) FROM pg_prepared_xacts WHERE gid LIKE 'woodgrove%{import:N}%' HAVING count(*) > 0",
            "SELECT 'lock ' || classid || ' ' || objid FROM pg_locks WHERE locktype = 'advisory' AND classid IN (1464815428, "
                + "1464815429) AND objid <> 0 LIMIT 1",
            $"SELECT relname FROM pg_class WHERE relname = 'staging_{import:N}'",
        ];
        return
        [
            .. faults.Workers.Append(faults.Coordinator).SelectMany(n => sql.Select(s => Text(n.Port, s))).OfType<string>(),
            .. new[] { Text(faults.Coordinator.Port,
                $"SELECT 'part ' || batch FROM woodgrove.import_part WHERE import_id = '{import}' AND EXISTS (SELECT FROM woodgrove.import_batch WHERE import_id = '{import}' AND is_last) LIMIT 1") }.OfType<string>(),
        ];
    }

    private string? Text(int port, string sql)
    {
        using var session = new NpgsqlConnection(string.Create(CultureInfo.InvariantCulture,
            $"{faults.ConnectionString(port)};Pooling=false"));
        session.Open();
        using var command = new NpgsqlCommand(sql, session);
        return command.ExecuteScalar() as string;
    }
}
