using Npgsql;
using Woodgrove.Citus.Errors;
using Woodgrove.Citus.Sql;

namespace Woodgrove.Citus.Connections;

/// <summary>
/// The search path of sessions. PostgreSQL chooses the best matching function or operator of all schemas on the path,
/// so where <c>public</c> is on it, whoever may create functions there could have them called by the module's SQL,
/// with the rights of the module's user. Sessions are therefore pinned to <c>pg_catalog</c>; what resolves the
/// user's names, or runs the user's SQL, does so by the user's own path.
/// </summary>
internal static class SearchPath
{
    /// <summary>The schemas on the user's path, as a query in a pinned session reads them; NULL where none were kept.</summary>
    private const string Schemas = "nullif(pg_catalog.current_setting('woodgrove.schemas', true), '')::pg_catalog.name[]";

    /// <summary>
    /// Keeps the user's path and schemas in settings of the session, then pins it. Every function is qualified and there is no
    /// operator: this runs under the user's path.
    /// </summary>
    private static string Pin(bool local) => $"""
        pg_catalog.set_config('woodgrove.search_path', pg_catalog.current_setting('search_path'), {Sql(local)}),
        pg_catalog.set_config('woodgrove.schemas', pg_catalog.current_schemas(true)::pg_catalog.text, {Sql(local)}),
        pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', {Sql(local)})
        """;

    /// <summary>Pins a session; <see cref="CitusConnection"/> does it for those that it opens.</summary>
    /// <param name="local">Until the transaction ends.</param>
    /// <param name="timeout">Seconds that the server may take; 0 is for ever.</param>
    public static Task PinAsync(NpgsqlConnection session, CancellationToken stop, bool local = false, int timeout = 0) =>
        ExecuteAsync(session, $"SELECT {Pin(local)}", stop, timeout);

    /// <summary>
    /// Gives a pinned session the user's path, for statements that run the user's own code: a query, or the triggers,
    /// constraints and defaults of a table.
    /// </summary>
    /// <param name="local">Until the transaction ends.</param>
    /// <exception cref="CitusException">The server session is not the one that was pinned: the connection leads through a
    /// pooler.</exception>
    public static async Task ReleaseAsync(NpgsqlConnection session, CancellationToken stop, bool local = false)
    {
        try
        {
            await ExecuteAsync(session, "SELECT pg_catalog.set_config('search_path', pg_catalog.current_setting('woodgrove.search_path'), "
                + $"{Sql(local)})", stop);
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.UndefinedObject)
        {
            throw ConnectionErrors.SettingsLost("The connection", session.Host, e);
        }
    }

    /// <summary>
    /// Whether a session still has what <see cref="PinAsync"/> kept in it. Where a pooler lends it to several clients, another's
    /// session may answer.
    /// </summary>
    public static Task<bool> IsKeptAsync(NpgsqlConnection session, CancellationToken stop) =>
        session.ScalarAsync<bool>("SELECT pg_catalog.current_setting('woodgrove.search_path', true) IS NOT NULL", stop);

    /// <summary>
    /// SQL for a relation's name as <c>regclass</c> would print it under the user's path: qualified only where
    /// the name alone would not find it.
    /// </summary>
    /// <param name="oid">SQL of an oid or regclass.</param>
    public static string Show(string oid) => $"""
        (SELECT CASE WHEN shown_s.nspname = ANY ({Schemas}) AND NOT EXISTS (
             SELECT FROM pg_catalog.pg_class before_c JOIN pg_catalog.pg_namespace before_s ON before_s.oid = before_c.relnamespace
             WHERE before_c.relname = shown_c.relname
               AND pg_catalog.array_position({Schemas}, before_s.nspname) < pg_catalog.array_position({Schemas}, shown_s.nspname))
           THEN pg_catalog.quote_ident(shown_c.relname) ELSE shown_c.oid::regclass::text END
         FROM pg_catalog.pg_class shown_c JOIN pg_catalog.pg_namespace shown_s ON shown_s.oid = shown_c.relnamespace
             WHERE shown_c.oid = {oid})
        """;

    /// <summary>SQL for the oid of a relation that the user named, found on the user's path; NULL where there is none.</summary>
    /// <param name="name">SQL of the name, quoted as an identifier and with or without a schema.</param>
    public static string Find(string name) => $"""
        coalesce((SELECT found_c.oid
           FROM pg_catalog.unnest({Schemas}) WITH ORDINALITY found_p (schema, place)
           JOIN pg_catalog.pg_namespace found_s ON found_s.nspname = found_p.schema
           JOIN pg_catalog.pg_class found_c ON found_c.relnamespace = found_s.oid
           WHERE pg_catalog.cardinality(pg_catalog.parse_ident({name})) = 1 AND found_c.relname = (pg_catalog.parse_ident({name}))[1]::name
           ORDER BY found_p.place LIMIT 1), pg_catalog.to_regclass({name})::oid)
        """;

    /// <summary>
    /// A query of one value for another node to answer over a session that Citus opens there, which has the path of that
    /// node: the query is parsed only once the path is pinned. <see cref="Unwrap"/> reads the answer.
    /// </summary>
    public static string Wrap(string sql) => WrapLiteral(TableName.Literal(sql));

    /// <summary>
    /// The same for a query whose text is an SQL expression. Of the functions that every PostgreSQL has, and that take a query
    /// as text, ts_stat needs neither libxml nor a right. It gives the words of text search vectors, each at most 2,046 bytes
    /// long: the value goes through it in numbered parts, the numbers reversed to keep the tree of its words flat.
    /// </summary>
    /// <param name="sql">SQL of the query's text.</param>
    public static string WrapLiteral(string sql) => $"""
        SELECT pg_catalog.string_agg(pg_catalog.substr(word, 10), '' ORDER BY pg_catalog.reverse(pg_catalog.left(word, 9)))
        FROM (SELECT ROW({Pin(local: true)}) AS pinned OFFSET 0) p,
            LATERAL pg_catalog.ts_stat(CASE WHEN pinned IS NOT NULL THEN pg_catalog.concat(
        'SELECT array_to_tsvector(ARRAY[reverse(lpad(n::text, 9, ''0'')) || part[1]]) FROM regexp_matches((', {sql},
            ')::text, ''.{"{1,255}"}'', ''g'') WITH ORDINALITY r (part, n)') END) w
        """;

    /// <summary>The value of a wrapped query, or null.</summary>
    public static string? Unwrap(string answer) => answer.Length == 0 ? null : answer;

    private static string Sql(bool local) => local ? "true" : "false";

    private static async Task ExecuteAsync(NpgsqlConnection session, string sql, CancellationToken stop, int timeout = 0)
    {
        await using var command = new NpgsqlCommand(sql, session) { CommandTimeout = timeout };
        await command.ExecuteNonQueryAsync(stop);
    }
}
