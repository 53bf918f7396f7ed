using System.Globalization;
using Npgsql;

namespace Woodgrove.Citus.Connections;

/// <summary>A connection's settings as libpq reads them from the environment of a process.</summary>
internal static class LibpqEnvironment
{
    /// <returns>Variables; one that is null is not to be inherited.</returns>
    public static IReadOnlyDictionary<string, string?> Of(NpgsqlConnectionStringBuilder settings, string program, string? password,
        string database, string userName) => new Dictionary<string, string?>
    {
        ["PGHOST"] = settings.Host,
        ["PGHOSTADDR"] = null,
        ["PGPORT"] = settings.Port.ToString(CultureInfo.InvariantCulture),
        ["PGDATABASE"] = database,
        ["PGUSER"] = userName,
        ["PGPASSWORD"] = password,
        ["PGPASSFILE"] = settings.Passfile ?? Environment.GetEnvironmentVariable("PGPASSFILE"),
        ["PGSERVICE"] = null,
        ["PGOPTIONS"] = settings.Options,
        ["PGSSLMODE"] = settings.SslMode switch
        {
            SslMode.VerifyCA => "verify-ca",
            SslMode.VerifyFull => "verify-full",
            SslMode other => other.ToString().ToLowerInvariant(),
        },
        ["PGSSLROOTCERT"] = settings.RootCertificate ?? Environment.GetEnvironmentVariable("PGSSLROOTCERT"),
        ["PGSSLCERT"] = settings.SslCertificate ?? Environment.GetEnvironmentVariable("PGSSLCERT"),
        ["PGSSLKEY"] = settings.SslKey ?? Environment.GetEnvironmentVariable("PGSSLKEY"),
        ["PGAPPNAME"] = program,
    };
}
