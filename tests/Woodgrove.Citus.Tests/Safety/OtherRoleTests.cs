using System.Management.Automation;
using Npgsql;
using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Safety;

/// <summary>What a role's killed load left is ended by that role or a superuser; everybody else is told what is pending, and why.</summary>
public sealed class OtherRoleTests : IClassFixture<FaultCluster>
{
    private readonly FaultCluster _faults;

    public OtherRoleTests(FaultCluster faults)
    {
        faults.Require();
        _faults = faults;
        faults.Shell["csv"] = faults.Csv;
    }

    [Fact]
    public async Task A_killed_load_of_one_role_is_repaired_by_a_superuser_and_resumed_by_another_owner()
    {
        string table = _faults.Distribute(), owner = _faults.CreateRole("owner"), second = _faults.CreateRole("second"),
            stranger = _faults.CreateRole("stranger");
        _faults.Execute($"ALTER TABLE {table} OWNER TO {owner}; GRANT {owner} TO {second}");
        foreach (string role in new[] { owner, second })
            _faults.Execute($"GRANT USAGE ON SCHEMA woodgrove TO {role}; GRANT SELECT, INSERT, UPDATE, "
                + $"DELETE ON woodgrove.import_batch TO {role}");
        Guid import = Guid.NewGuid();
        string options = $"{table} -Route Shard -Checkpoint 2MB -ImportId {import}";
        using var load = new FaultyLoad(_faults) { Role = owner };
        await load.KillAtAsync(options, load.Workers[0], "COMMIT PREPARED");
        long left = Prepared();
        Assert.NotEqual(0L, left);

        PSObject refused = Assert.Single(As(stranger, "Repair-CitusImport").Succeeded().Output);
        Assert.Equal("Pending", refused.Get("Action")!.ToString());
        Assert.Contains("may not use schema woodgrove", (string)refused.Get("Reason")!, StringComparison.Ordinal);

        IReadOnlyList<PSObject> others = As(second, "Repair-CitusImport").Succeeded().Output;
        Assert.Equal(left, others.Count);
        Assert.All(others, s => Assert.Equal("Pending", s.Get("Action")!.ToString()));
        Assert.Contains(others, s => s.Get("Reason") is string why && why.Contains($"belongs to role '{owner}'", StringComparison.Ordinal));
        Assert.Contains($"belongs to role '{owner}'",
            As(second, $"Import-CsvToCitus $csv {options}").Failed("CitusImportPending").Exception.Message, StringComparison.Ordinal);
        Assert.Equal(left, Prepared());

        Assert.Contains(As("postgres", "Repair-CitusImport").Succeeded().Output, s => s.Get("Action")!.ToString() == "Committed");
        Assert.Equal(0L, Prepared());
        As(second, $"Import-CsvToCitus $csv {options}").Succeeded();
        _faults.AssertLoaded(table);
        Assert.Equal("Complete", As(owner, $"Get-CitusImport {import}").Single.Get("State")!.ToString());
    }

    [Theory]
    [InlineData("Coordinator", "pg_try_advisory_lock")]
    [InlineData("Coordinator", "woodgrove.import_batch")]
    [InlineData("Worker", "pg_prepared_xacts")]
    [InlineData("Worker", "pg_try_advisory_lock")]
    [InlineData("Worker", "COMMIT PREPARED")]
    [InlineData("Worker", null)] // while it waits for a session that is still at work there
    public async Task A_cancelled_repair_leaves_no_lock_and_no_open_transaction_in_the_pool(string node, string? sql)
    {
        string table = _faults.Distribute();
        Guid import = Guid.NewGuid();
        using (var killed = new FaultyLoad(_faults))
            await killed.KillAtAsync($"{table} -Route Shard -ImportId {import}", killed.Workers[0], "COMMIT PREPARED");
        using var load = new FaultyLoad(_faults);
        TcpProxy held = node == "Worker" ? load.Workers[0] : load.Coordinator;
        _faults.Shell["to"] = _faults.ConnectionString(load.Coordinator.Port);
        // Sessions stay in the pool for as long as the connection is open.
        _faults.Shell.Run("$null = Connect-CitusCluster -ConnectionString $to -Name cancelled; "
            + $"Get-CitusImport -Connection cancelled -NodeAddress {load.NodeAddress}").Succeeded();
        const string locks = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND classid IN (1464815428, "
            + "1464815429) AND objid <> 0";
        using NpgsqlConnection other = Open(_faults.Workers[0].Port);
        if (sql is not null) held.CutAt(sql, 0, CutMoment.Held);
        else Scalar(other, $"SELECT pg_advisory_lock_shared(1464815429, uuid_hash('{new Guid(import.ToByteArray(), bigEndian: true)}'))");
        using PowerShell repair = _faults.Shell.Create($"Repair-CitusImport -Connection cancelled -NodeAddress {load.NodeAddress}");
        Task<PSDataCollection<PSObject>> running = repair.InvokeAsync();
        if (sql is not null) await held.Held.WaitAsync(TimeSpan.FromMinutes(1), TestContext.Current.CancellationToken);
        else for (int attempt = 0; attempt < 400 && Count(_faults.Coordinator.Port, locks) == 0; attempt++)
            await Task.Delay(20, TestContext.Current.CancellationToken);
        if (sql is null) Assert.NotEqual(0L, Count(_faults.Coordinator.Port, locks)); // it holds the import's lock, and waits

        await Task.Run(repair.Stop, TestContext.Current.CancellationToken)
            .WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);
        await Assert.ThrowsAsync<PipelineStoppedException>(() => running);
        held.Release();
        await other.CloseAsync();

        foreach (SandboxServer server in _faults.Workers.Append(_faults.Coordinator))
        {
            const string open = "SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%' AND application_name LIKE "
                + "'Woodgrove%'";
            for (int attempt = 0; attempt < 100 && Count(server.Port, locks) + Count(server.Port, open) > 0; attempt++)
                await Task.Delay(50, TestContext.Current.CancellationToken);
            Assert.Equal((0L, 0L), (Count(server.Port, locks), Count(server.Port, open)));
        }
        _faults.Shell.Run($"Repair-CitusImport -Connection cancelled -NodeAddress {load.NodeAddress}").Succeeded();
        _faults.AssertLoaded(table);
        _faults.Shell.Run("Disconnect-CitusCluster cancelled").Succeeded();
    }

    [Fact]
    public void An_import_that_only_its_role_may_remove_keeps_its_staging_table()
    {
        string table = _faults.Distribute(), owner = _faults.CreateRole("owner"), member = _faults.CreateRole("member");
        _faults.Execute($"ALTER TABLE {table} ADD PRIMARY KEY (user_id, id)");
        _faults.Execute($"ALTER TABLE {table} OWNER TO {owner}; GRANT {owner} TO {member}");
        As("postgres", $"Import-CsvToCitus $csv {table} -Checkpoint 2MB").Succeeded(); // creates the ledger
        _faults.Execute($"TRUNCATE {table}; GRANT USAGE, CREATE ON SCHEMA woodgrove TO {owner}; GRANT USAGE ON SCHEMA woodgrove TO {member}");
        foreach (string role in new[] { owner, member })
            _faults.Execute($"GRANT SELECT, INSERT, UPDATE, DELETE ON woodgrove.import_batch TO {role}");
        Guid import = Guid.NewGuid();
        string path = _faults.Csv + ".bad";
        File.WriteAllText(path, File.ReadAllText(_faults.Csv) + "x,1,bad\n");
        _faults.Shell["bad"] = path;
        string load = $"{table} -OnConflict Update -Checkpoint 2MB -ImportId {import}";
        As(owner, $"Import-CsvToCitus $bad {load}").Failed("CitusRowRefused");

        ErrorRecord error = As(member, $"Remove-CitusImport {import} -Confirm:$false").Failed("CitusPermissionDenied");

        Assert.Contains($"Import {import} is another role's", error.Exception.Message, StringComparison.Ordinal);
        File.WriteAllText(path, File.ReadAllText(_faults.Csv));
        As(owner, $"Import-CsvToCitus $bad {load}").Succeeded();
        _faults.AssertLoaded(table);
        File.Delete(path);
    }

    private RunResult As(string role, string script)
    {
        _faults.Shell["as"] = _faults.ConnectionStringOf(role);
        return _faults.Shell.Run($"$null = Connect-CitusCluster -ConnectionString $as -Name role; {script} -Connection role");
    }

    private long Prepared() => (long)_faults.Scalar("SELECT sum(result::bigint)::bigint FROM run_command_on_all_nodes('SELECT count(*) "
        + "FROM pg_prepared_xacts WHERE starts_with(gid, ''woodgrove_'')')")!;

    private long Count(int port, string sql)
    {
        using NpgsqlConnection session = Open(port);
        return (long)Scalar(session, sql)!;
    }

    private static object? Scalar(NpgsqlConnection session, string sql)
    {
        using var command = new NpgsqlCommand(sql, session);
        return command.ExecuteScalar();
    }

    private NpgsqlConnection Open(int port)
    {
        var session = new NpgsqlConnection(_faults.ConnectionString(port) + ";Pooling=false");
        session.Open();
        return session;
    }
}
