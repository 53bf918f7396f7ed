using System.Diagnostics;
using System.Globalization;
using System.Management.Automation;
using Npgsql;
using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Schema;

/// <summary>A cluster with a table of every kind, and two empty ones, in a shell of their own.</summary>
public sealed class SchemaClusters : IDisposable
{
    private const string Source = """
        CREATE EXTENSION IF NOT EXISTS citus_columnar;
        CREATE TABLE payment_users (user_id bigint PRIMARY KEY, url text, login text, avatar_url text);
        CREATE TABLE payment_merchants (merchant_id bigint PRIMARY KEY, name text, url text);
        CREATE TABLE payment_events (event_id bigint, event_type text, user_id bigint, merchant_id bigint,
            event_details jsonb, created_at timestamp DEFAULT now(), primary key (event_id, user_id));
        CREATE TABLE user_events (user_id bigint, user_login text, event_type text, event_count bigint);
        CREATE TABLE currencies (code text PRIMARY KEY, merchant_id bigint REFERENCES payment_merchants);
        CREATE SCHEMA "Odd schema"; CREATE TABLE "Odd schema"."Odd 'table'" ("Key" text NOT NULL, note text);
        CREATE TABLE readings (user_id bigint NOT NULL, at date NOT NULL, value numeric, PRIMARY KEY (user_id, at))
            PARTITION BY RANGE (at);
        CREATE TABLE readings_2024 PARTITION OF readings FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
        CREATE TABLE readings_2025 PARTITION OF readings FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
        CREATE TABLE archive (user_id bigint NOT NULL, note text) USING columnar;
        ALTER TABLE archive SET (columnar.chunk_group_row_limit = 2000, columnar.stripe_row_limit = 50000,
            columnar.compression = zstd, columnar.compression_level = 7);
        CREATE TABLE audit (id bigserial PRIMARY KEY, note text);
        CREATE TABLE audit_lines (id bigint, note text);
        CREATE TYPE mood AS ENUM ('good', 'bad');
        CREATE SCHEMA tenant_a; CREATE SCHEMA tenant_b; CREATE SCHEMA tenant_empty;
        CREATE TABLE tenant_a.orders (id bigint PRIMARY KEY, merchant_id bigint REFERENCES payment_merchants, state
            mood);
        CREATE TABLE tenant_a.lines (id bigint, order_id bigint REFERENCES tenant_a.orders);
        CREATE TABLE tenant_b.orders (id bigint PRIMARY KEY);
        CREATE FUNCTION credit(account bigint, amount numeric) RETURNS void LANGUAGE plpgsql AS $$ BEGIN UPDATE
            payment_users SET login = login WHERE user_id = account; END $$;
        CREATE FUNCTION plain_one() RETURNS int LANGUAGE sql RETURN 1;
        SELECT create_reference_table('payment_merchants');
        SELECT create_reference_table('currencies');
        SELECT create_distributed_table('payment_users', 'user_id', shard_count := 8, colocate_with := 'none');
        SELECT create_distributed_table('payment_events', 'user_id', colocate_with := 'payment_users');
        SELECT create_distributed_table('user_events', 'user_id', colocate_with := 'payment_users');
        SELECT create_distributed_table('readings', 'user_id', shard_count := 4, colocate_with := 'none');
        SELECT create_distributed_table('archive', 'user_id', colocate_with := 'readings');
        SELECT create_distributed_table('"Odd schema"."Odd ''table''"', 'Key', shard_count := 3, colocate_with :=
            'none');
        SELECT create_distributed_table('audit', NULL, colocate_with := 'none');
        SELECT create_distributed_table('audit_lines', NULL, colocate_with := 'audit');
        SELECT citus_schema_distribute('tenant_a'); SELECT citus_schema_distribute('tenant_b'); SELECT
            citus_schema_distribute('tenant_empty');
        ALTER TABLE payment_events ADD CONSTRAINT events_user FOREIGN KEY (user_id) REFERENCES payment_users ON
            DELETE CASCADE;
        ALTER TABLE payment_events ADD FOREIGN KEY (merchant_id) REFERENCES payment_merchants;
        SELECT create_distributed_function('credit(bigint, numeric)', '$1', colocate_with := 'payment_users');
        CREATE VIEW busy AS SELECT user_id, count(*) AS n FROM payment_events GROUP BY user_id;
        INSERT INTO payment_users SELECT i, 'u', 'l' || i, 'a' FROM generate_series(1, 100) i;
        SELECT citus_split_shard_by_split_points(shardid, ARRAY['-1500000000', '-1400000000'], ARRAY[2,3,2],
            'block_writes') FROM pg_dist_shard WHERE logicalrelid = 'payment_users'::regclass AND shardminvalue =
            '-1610612736';
        SELECT citus_split_shard_by_split_points(shardid, ARRAY['5'], ARRAY[3,2], 'block_writes') FROM pg_dist_shard
            WHERE logicalrelid = 'payment_users'::regclass AND shardminvalue = '0';
        SELECT isolate_tenant_to_new_shard('payment_users', 5, 'CASCADE', 'block_writes');
        CREATE TABLE plain_local (id int PRIMARY KEY, m bigint REFERENCES payment_merchants);
        CREATE TABLE managed (id int PRIMARY KEY); SELECT citus_add_local_table_to_metadata('managed');
        CREATE TRIGGER noop BEFORE UPDATE ON managed FOR EACH ROW EXECUTE FUNCTION
            suppress_redundant_updates_trigger();
        """;

    private readonly Lazy<string[]> _names;

    public SchemaClusters() => _names = new(Start);

    public ModuleHost Shell { get; } = new();

    /// <summary>The source, a target for Import-CitusSchema, and one for psql.</summary>
    public string[] Names => _names.Value;

    public string Folder { get; } = Directory.CreateTempSubdirectory("woodgrove-schema-").FullName;

    public string ConnectionString(int cluster)
    {
        (object? port, object? path) = Place(cluster);
        return $"Host=127.0.0.1;Port={port};Database=citus;Username=postgres;Passfile={path}/pgpass";
    }

    public NpgsqlConnection Open(int cluster)
    {
        var session = new NpgsqlConnection($"{ConnectionString(cluster)};Pooling=false");
        session.Open();
        return session;
    }

    public void Execute(int cluster, string sql)
    {
        using NpgsqlConnection session = Open(cluster);
        foreach (string statement in sql.Split(";\n", StringSplitOptions.RemoveEmptyEntries))
        {
            using var command = new NpgsqlCommand(statement, session);
            command.ExecuteNonQuery();
        }
    }

    /// <summary>A query's rows, a line each.</summary>
    public string[] Lines(int cluster, string sql)
    {
        using NpgsqlConnection session = Open(cluster);
        using var command = new NpgsqlCommand(sql, session);
        using NpgsqlDataReader row = command.ExecuteReader();
        var lines = new List<string>();
        while (row.Read())
        {
            lines.Add(string.Join('|', Enumerable.Range(0, row.FieldCount)
                .Select(i => Convert.ToString(row[i], CultureInfo.InvariantCulture))));
        }
        return [.. lines];
    }

    /// <summary>Runs a script as a user does who has no PowerShell.</summary>
    public string Psql(int cluster, string file)
    {
        (object? port, object? path) = Place(cluster);
        string psql = Path.Combine(Environment.GetEnvironmentVariable("WOODGROVE_PG_BIN")!, "psql");
        var start = new ProcessStartInfo(psql, ["-X", "-q", "-h", "127.0.0.1", "-p", $"{port}", "-U", "postgres", "-d", "citus",
            "-v", "ON_ERROR_STOP=1", "-f", file]) { RedirectStandardError = true, RedirectStandardOutput = true };
        start.Environment["PGPASSFILE"] = $"{path}/pgpass";
        using Process process = Process.Start(start)!;
        _ = process.StandardOutput.ReadToEndAsync();
        string errors = process.StandardError.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == 0 ? "" : errors;
    }

    public void Dispose()
    {
        // The run's own sandbox is one of the same process.
        foreach (string name in _names.IsValueCreated ? Names : [])
            Shell.Run($"Get-CitusSandbox | Where-Object Name -eq '{name}' | ForEach-Object {{ Stop-CitusSandbox $_ }}");
        Shell.Dispose();
        Directory.Delete(Folder, recursive: true);
    }

    private (object? Port, object? Path) Place(int cluster)
    {
        PSObject sandbox = Shell.Run($"Get-CitusSandbox | Where-Object Name -eq '{Names[cluster]}'").Single;
        return (sandbox.Get("Port"), sandbox.Get("Path"));
    }

    private string[] Start()
    {
        string[] names = [.. Enumerable.Range(0, 3).Select(_ => (string)Shell.Run("Start-CitusSandbox -Engine Citus").Single.Get("Name")!)];
        PSObject sandbox = Shell.Run($"Get-CitusSandbox | Where-Object Name -eq '{names[0]}'").Single;
        using var session = new NpgsqlConnection($"Host=127.0.0.1;Port={sandbox.Get("Port")};Database=citus;Username=postgres;"
            + $"Passfile={sandbox.Get("Path")}/pgpass;Pooling=false");
        session.Open();
        foreach (string statement in Source.Split(";\n", StringSplitOptions.RemoveEmptyEntries))
        {
            using var command = new NpgsqlCommand(statement, session);
            command.ExecuteNonQuery();
        }
        return names;
    }
}
