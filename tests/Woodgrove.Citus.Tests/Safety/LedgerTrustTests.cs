using System.Management.Automation;
using Npgsql;
using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Safety;

/// <summary>Roles that share a cluster: none can make another's session run its code, and none stands in another's way.</summary>
public sealed class LedgerTrustTests : IClassFixture<FaultCluster>, IDisposable
{
    private readonly FaultCluster _faults;
    private readonly string _csv;

    public LedgerTrustTests(FaultCluster faults)
    {
        faults.Require();
        _faults = faults;
        _csv = faults.Csv;
        faults.Shell["csv"] = _csv;
        DropLedger();
        Connect("super", "postgres");
    }

    public void Dispose() => DropLedger();

    [Theory]
    [InlineData("CREATE TRIGGER planted AFTER INSERT ON woodgrove.import_batch FOR EACH ROW EXECUTE FUNCTION evil.run()", false,
        "Schema woodgrove belongs to role")]
    [InlineData("ALTER TABLE woodgrove.import_batch ALTER COLUMN loaded_by SET DEFAULT evil.text()", false,
        "Schema woodgrove belongs to role")]
    [InlineData("CREATE TRIGGER planted AFTER INSERT ON woodgrove.import_batch FOR EACH ROW EXECUTE FUNCTION evil.run()", true,
        "Table woodgrove.import_batch belongs to role")]
    public void A_ledger_of_a_role_that_is_not_trusted_runs_nothing_in_a_superusers_session(string plant, bool schemaOfSuper, string says)
    {
        string hostile = Hostile();
        // The hostile role is the first to load, so that the module creates the ledger as its own.
        Connect("hostile", hostile);
        string own = Owned(hostile);
        Shell($"Import-CsvToCitus $csv {own} -Route Coordinator -ImportId {Guid.NewGuid()} -Connection hostile").Succeeded();
        Execute(hostile, "SET citus.enable_ddl_propagation = off; " + plant);
        if (schemaOfSuper) _faults.Execute("ALTER SCHEMA woodgrove OWNER TO postgres");
        string table = _faults.Distribute();

        RunResult load = Shell($"Import-CsvToCitus $csv {table} -Route Coordinator -ImportId {Guid.NewGuid()} -Connection super");

        Assert.Equal(false, _faults.Scalar($"SELECT rolsuper FROM pg_roles WHERE rolname = '{hostile}'"));
        ErrorRecord error = load.Failed("CitusLedgerNotTrusted");
        Assert.Contains(says, error.Exception.Message, StringComparison.Ordinal);
        Assert.Contains(hostile, error.Exception.Message, StringComparison.Ordinal);
        Shell("Get-CitusImport -Connection super").Failed("CitusLedgerNotTrusted");
        RunResult auto = Shell($"Import-CsvToCitus $csv {table} -Connection super");
        Assert.Equal("Coordinator", auto.Single.Get("Route")!.ToString()); // with no ledger
        Assert.Contains(says.Replace("Schema", "schema", StringComparison.Ordinal).Replace("Table", "table", StringComparison.Ordinal),
            (string)auto.Single.Get("RouteReason")!, StringComparison.Ordinal);
        Assert.Equal(false, _faults.Scalar($"SELECT rolsuper FROM pg_roles WHERE rolname = '{hostile}'"));
        // The plant works: somebody who writes without looking becomes its victim.
        _faults.Execute("INSERT INTO woodgrove.import_batch (import_id, batch, table_name, table_oid, distribution, source, route, "
            + "fingerprint, first_byte, end_byte, rows, rejected, is_last, is_pending, attempt) "
            + $"VALUES ('{Guid.NewGuid()}', 0, '', 0, '', '', '', '', 0, 0, 0, 0, false, false, '')");
        Assert.Equal(true, _faults.Scalar($"SELECT rolsuper FROM pg_roles WHERE rolname = '{hostile}'"));
    }

    [Fact]
    public void A_grant_of_TRIGGER_on_the_ledger_is_refused()
    {
        string table = _faults.Distribute(), hostile = Hostile();
        Shell($"Import-CsvToCitus $csv {table} -Route Coordinator -ImportId {Guid.NewGuid()} -Connection super").Succeeded();
        _faults.Execute($"GRANT USAGE ON SCHEMA woodgrove TO {hostile}; GRANT TRIGGER ON woodgrove.import_batch TO {hostile}");

        ErrorRecord error = Shell($"Import-CsvToCitus $csv {table} -Route Coordinator -ImportId {Guid.NewGuid()} -Connection super")
            .Failed("CitusLedgerNotTrusted");

        Assert.Contains($"lets role '{hostile}' create triggers", error.Exception.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("import_part", "-Route Worker", "import_id uuid, batch int, part int, end_byte bigint, fingerprint text, "
        + "min_values int[], max_values int[], PRIMARY KEY (import_id, batch, part)")]
    [InlineData("staging", "-OnConflict Skip", "id bigint, user_id bigint, note text, woodgrove_line bigint")]
    public void A_table_that_another_role_created_in_the_ledgers_schema_is_refused_or_dropped(string planted, string options,
        string columns)
    {
        string table = _faults.Distribute(), hostile = Hostile();
        _faults.Execute($"ALTER TABLE {table} ADD PRIMARY KEY (id, user_id)");
        Guid import = Guid.NewGuid();
        Shell($"Import-CsvToCitus $csv {_faults.Distribute()} -Route Coordinator -ImportId {Guid.NewGuid()} -Connection super").Succeeded();
        _faults.Execute($"GRANT USAGE, CREATE ON SCHEMA woodgrove TO {hostile}");
        string name = planted == "staging" ? $"staging_{import:N}" : planted;
        Execute(hostile, $"SET citus.enable_ddl_propagation = off; CREATE TABLE woodgrove.{name} ({columns}); "
            + $"CREATE TRIGGER planted BEFORE INSERT ON woodgrove.{name} FOR EACH STATEMENT EXECUTE FUNCTION evil.run()");

        RunResult load = Shell($"Import-CsvToCitus $csv {table} {options} -ImportId {import} -Connection super");

        Assert.Equal(false, _faults.Scalar($"SELECT rolsuper FROM pg_roles WHERE rolname = '{hostile}'"));
        if (planted == "staging") load.Succeeded(); // nothing can be resumed from it, so it went
        else Assert.Contains(hostile, load.Failed("CitusLedgerNotTrusted").Exception.Message, StringComparison.Ordinal);
        Assert.Equal(planted == "staging" ? 300_000L : 0L, _faults.Scalar($"SELECT count(*) FROM {table}"));
    }

    [Fact]
    public void The_name_of_a_prepared_transaction_is_never_run_as_SQL()
    {
        string table = _faults.Distribute(), hostile = Hostile();
        Shell($"Import-CsvToCitus $csv {table} -Route Shard -ImportId {Guid.NewGuid()} -Connection super").Succeeded();
        string sql = $"''; ALTER ROLE {hostile} SUPERUSER; --";
        string[] names =
        [
            $"woodgrove_{Guid.NewGuid():N}_1_{sql}_1", $"woodgrove_{Id()}_{Guid.NewGuid():N}_1_{sql}_guard",
            $"woodgrove_{Id()}_{Guid.NewGuid():N}_1_0123456789ab_1{sql}",
        ];
        Execute(hostile, "CREATE TABLE evil.held (id int)");
        // What is before the quote is a name too: the statement that it would end succeeds, and the next would be run.
        names = [.. names, .. names.Select(n => n.Split("''")[0])];
        foreach (string name in names) Execute(hostile, $"BEGIN; LOCK TABLE evil.held IN ACCESS SHARE MODE; PREPARE TRANSACTION '{name}'");
        try
        {
            Shell("Repair-CitusImport -Connection super").Succeeded();
            Assert.Equal(false, _faults.Scalar($"SELECT rolsuper FROM pg_roles WHERE rolname = '{hostile}'"));
            Assert.Equal(3L, _faults.Scalar("SELECT count(*) FROM pg_prepared_xacts WHERE gid LIKE '%ALTER ROLE%'"));
        }
        finally
        {
            foreach (string name in names)
            {
                if (_faults.Scalar($"SELECT count(*) FROM pg_prepared_xacts WHERE gid = '{name}'") is 1L)
                    _faults.Execute($"ROLLBACK PREPARED '{name}'");
            }
        }
    }

    [Fact]
    public void A_row_that_another_role_wrote_decides_nothing()
    {
        string table = _faults.Distribute(), hostile = Hostile();
        Shell($"Import-CsvToCitus $csv {table} -Route Coordinator -ImportId {Guid.NewGuid()} -Connection super").Succeeded();
        _faults.Execute($"GRANT USAGE ON SCHEMA woodgrove TO {hostile}; GRANT SELECT, INSERT, UPDATE, "
            + $"DELETE ON woodgrove.import_batch TO {hostile}; CREATE TABLE IF NOT EXISTS held (id int)");
        var import = Guid.NewGuid();
        string name = $"woodgrove_{Id()}_{import:N}_0_0123456789ab_102008";
        Execute("postgres", $"BEGIN; INSERT INTO held VALUES (1); PREPARE TRANSACTION '{name}'");
        string row = "(import_id, batch, table_name, table_oid, distribution, source, route, fingerprint, first_byte, end_byte, rows, "
            + $"rejected, is_last, is_pending, attempt, loaded_by) VALUES ('{import}', 0, '', 0, '', '', 'Shard', '', 0, 0, 0, 0, true, "
            + "true, '0123456789ab', ";
        Assert.Equal(PostgresErrorCodes.InsufficientPrivilege,
            Assert.Throws<PostgresException>(() => Execute(hostile, $"INSERT INTO woodgrove.import_batch {row}'postgres')")).SqlState);
        Execute(hostile, $"INSERT INTO woodgrove.import_batch {row}'{hostile}')");

        PSObject step = Shell("Repair-CitusImport -Connection super").Succeeded().Output.Single(s => (string?)s.Get("Transaction") == name);

        Assert.Equal("RolledBack", step.Get("Action")!.ToString());
        Assert.Equal(0L, _faults.Scalar("SELECT count(*) FROM held"));
    }

    [Fact]
    public void Owners_without_the_ledger_load_by_the_coordinator_and_the_grants_that_an_error_names_work()
    {
        string table = _faults.Distribute(), owner = _faults.CreateRole("owner");
        Shell($"Import-CsvToCitus $csv {table} -Route Coordinator -ImportId {Guid.NewGuid()} -Connection super").Succeeded();
        _faults.Execute($"GRANT CREATE ON SCHEMA public TO {owner}");
        string own = Owned(owner);
        Connect("owner", owner);

        RunResult auto = Shell($"Import-CsvToCitus $csv {own} -Connection owner"); // 14 MB
        Assert.Equal("Coordinator", auto.Single.Get("Route")!.ToString());
        Assert.Contains("may not use schema woodgrove", (string)auto.Single.Get("RouteReason")!, StringComparison.Ordinal);
        _faults.AssertLoaded(own);

        string again = Owned(owner), load = $"Import-CsvToCitus $csv {again} -Route Shard -ImportId {Guid.NewGuid()} -Connection owner";
        for (int missing = 2; missing > 0; missing--) // the schema's, then the table's
        {
            ErrorRecord error = Shell(load).Failed("CitusPermissionDenied");
            string grants = error.Exception.Message[error.Exception.Message.IndexOf("GRANT", StringComparison.Ordinal)..];
            _faults.Execute(grants[..(grants.LastIndexOf(';') + 1)]);
        }
        Shell(load).Succeeded();
        _faults.AssertLoaded(again);
    }

    [Fact]
    public void The_ledgers_grants_suffice_for_a_reader()
    {
        string table = _faults.Distribute(), reader = _faults.CreateRole("reader");
        Assert.Empty(ShellAs(reader, "Get-CitusImport").Succeeded().Output); // no ledger yet
        Shell($"Import-CsvToCitus $csv {table} -Route Coordinator -ImportId {Guid.NewGuid()} -Connection super").Succeeded();
        ErrorRecord error = ShellAs(reader, "Get-CitusImport").Failed("CitusPermissionDenied");
        string grants = error.Exception.Message[error.Exception.Message.IndexOf("GRANT", StringComparison.Ordinal)..];
        _faults.Execute(grants[..(grants.LastIndexOf(';') + 1)]);
        Assert.Equal("Complete", ShellAs(reader, "Get-CitusImport").Single.Get("State")!.ToString());
    }

    [Fact]
    public void Another_roles_orphan_does_not_keep_ones_own_from_being_ended()
    {
        string table = _faults.Distribute(), owner = _faults.CreateRole("owner");
        _faults.Execute($"GRANT CREATE ON SCHEMA public TO {owner}; CREATE TABLE IF NOT EXISTS held (id int)");
        string own = Owned(owner);
        Shell($"Import-CsvToCitus $csv {table} -Route Coordinator -ImportId {Guid.NewGuid()} -Connection super").Succeeded();
        _faults.Execute($"GRANT USAGE ON SCHEMA woodgrove TO {owner}; GRANT SELECT, INSERT, UPDATE, "
            + $"DELETE ON woodgrove.import_batch TO {owner}");
        string others = $"woodgrove_{Id()}_{new Guid(new byte[16]):N}_0_0123456789ab_102008",
            mine = $"woodgrove_{Id()}_{Guid.NewGuid():N}_0_0123456789ab_102009";
        Execute("postgres", $"BEGIN; INSERT INTO held VALUES (1); PREPARE TRANSACTION '{others}'");
        Execute(owner, $"BEGIN; LOCK TABLE ONLY pg_catalog.pg_class IN ACCESS SHARE MODE; PREPARE TRANSACTION '{mine}'");
        try
        {
            IReadOnlyList<PSObject> steps = ShellAs(owner, "Repair-CitusImport").Succeeded().Output;

            Assert.Equal("Pending", steps.Single(s => (string?)s.Get("Transaction") == others).Get("Action")!.ToString());
            Assert.Contains("role 'postgres'", (string)steps.Single(s => (string?)s.Get("Transaction") == others).Get("Reason")!,
                StringComparison.Ordinal);
            Assert.Equal("RolledBack", steps.Single(s => (string?)s.Get("Transaction") == mine).Get("Action")!.ToString());
        }
        finally
        {
            _faults.Execute($"ROLLBACK PREPARED '{others}'");
        }
    }

    [Fact]
    public void Rows_that_row_level_security_refuses_are_refused_by_every_route()
    {
        string table = _faults.Distribute(), loader = _faults.CreateRole("loader");
        Shell($"Import-CsvToCitus $csv {table} -Route Worker -ImportId {Guid.NewGuid()} -Connection super").Succeeded(); // makes the ledger
        _faults.Execute($"""
            DELETE FROM {table};
            GRANT SELECT, INSERT ON {table} TO {loader}; GRANT USAGE ON SCHEMA woodgrove TO {loader};
            GRANT SELECT, INSERT, UPDATE, DELETE ON woodgrove.import_batch, woodgrove.import_part TO {loader};
            ALTER TABLE {table} ENABLE ROW LEVEL SECURITY
            """);
        _faults.Execute($"CREATE POLICY few ON {table} FOR INSERT TO {loader} WITH CHECK (user_id < 0)");

        ShellAs(loader, $"Import-CsvToCitus $csv {table}").Failed("CitusRowRefused");
        foreach (string route in new[] { "Worker", "Shard" })
        {
            ErrorRecord error = ShellAs(loader, $"Import-CsvToCitus $csv {table} -Route {route}").Failed("CitusRouteNotPossible");
            if (route == "Worker") Assert.Contains("row level security", error.Exception.Message, StringComparison.Ordinal);
        }
        Assert.Equal(0L, _faults.Scalar($"SELECT count(*) FROM {table}"));
    }

    /// <summary>A role with a schema of functions that make it a superuser where a superuser runs them.</summary>
    private string Hostile()
    {
        string hostile = _faults.CreateRole("hostile");
        _faults.Execute($"""
            DROP SCHEMA IF EXISTS evil CASCADE; CREATE SCHEMA evil AUTHORIZATION {hostile};
            GRANT CREATE ON DATABASE citus TO {hostile}; GRANT CREATE ON SCHEMA public TO {hostile};
            CREATE FUNCTION evil.run() RETURNS trigger LANGUAGE plpgsql AS $f$ BEGIN ALTER ROLE {hostile} SUPERUSER; RETURN NEW; END $f$;
            CREATE FUNCTION evil.text() RETURNS text LANGUAGE plpgsql AS $f$ BEGIN ALTER ROLE {hostile} SUPERUSER; RETURN ''; END $f$;
            ALTER FUNCTION evil.run() OWNER TO {hostile}; ALTER FUNCTION evil.text() OWNER TO {hostile}
            """);
        return hostile;
    }

    private string Owned(string role)
    {
        string table = _faults.Distribute();
        _faults.Execute($"ALTER TABLE {table} OWNER TO {role}");
        return table;
    }

    private object Id() => _faults.Scalar("SELECT lpad(to_hex(system_identifier), 16, '0') FROM pg_control_system()")!;

    private void Connect(string name, string role)
    {
        _faults.Shell["as"] = _faults.ConnectionStringOf(role);
        Shell($"$null = Connect-CitusCluster -ConnectionString $as -Name {name}").Succeeded();
    }

    private RunResult ShellAs(string role, string script)
    {
        Connect(role, role);
        return Shell($"{script} -Connection {role}");
    }

    private RunResult Shell(string script) => _faults.Shell.Run(script);

    private void Execute(string role, string sql)
    {
        using var session = new NpgsqlConnection(_faults.ConnectionStringOf(role) + ";Pooling=false");
        session.Open();
        using var command = new NpgsqlCommand(sql, session);
        command.ExecuteNonQuery();
    }

    private void DropLedger()
    {
        _faults.Execute("DROP TABLE IF EXISTS woodgrove.import_part");
        _faults.Execute("DROP SCHEMA IF EXISTS woodgrove CASCADE");
    }
}
