using Npgsql;
using Woodgrove.Citus.Connections;

namespace Woodgrove.Citus.Export;

/// <summary>
/// How a server writes values. Each node and role may have settings of its own; in one file all values are written as the
/// coordinator's session writes them, and floating-point numbers so that they are read again exactly.
/// </summary>
internal static class ValueSettings
{
    /// <summary>The settings of a session, as SQL that sets the same for a transaction.</summary>
    public static async Task<string> ReadAsync(NpgsqlConnection session, CancellationToken stop) => (await session.ScalarAsync<string>("""
        SELECT pg_catalog.string_agg(pg_catalog.format('SET LOCAL %I = %L', name,
            CASE name WHEN 'extra_float_digits' THEN greatest(setting::int, 1)::text ELSE setting END), '; ')
        FROM pg_catalog.pg_settings
        WHERE name IN ('DateStyle', 'IntervalStyle', 'TimeZone', 'lc_monetary', 'bytea_output', 'extra_float_digits')
        """, stop))!;
}
