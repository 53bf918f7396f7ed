using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Errors;
using Woodgrove.Citus.Sql;

namespace Woodgrove.Citus.Activity;

/// <summary>Errors and warnings of what nodes tell of their sessions and statements.</summary>
internal static class ActivityErrors
{
    public static CitusException NoTenantFigures(CitusConnection connection) =>
        new("CitusNotSupported", CitusErrorKind.NotImplemented,
            $"{connection.Engine} {connection.CitusVersion} keeps no figures by distribution value.",
            "Citus has citus_stat_tenants from version 11.3.") { Target = connection.Name };

    public static CitusException TenantsDenied(CitusConnection connection) =>
        new("CitusPermissionDenied", CitusErrorKind.PermissionDenied,
            $"{connection.UserName} may not see what distribution values cost.",
            $"Let a superuser run GRANT pg_monitor TO {TableName.QuoteIfNeeded(connection.UserName)}.") { Target = connection.Name };

    public static CitusException NotCounted(CitusConnection connection, string what, string advice) =>
        new("CitusStatementsNotCounted", CitusErrorKind.NotInstalled,
            $"Database '{connection.Database}' does not count its statements: {what}.", advice) { Target = connection.Name };

    /// <summary>The warning that sessions are left out.</summary>
    public static string Hidden(CitusConnection connection, int sessions) =>
        $"{sessions} session(s) of other users are left out: {connection.UserName} may not see what they do. "
            + $"GRANT pg_read_all_stats TO {TableName.QuoteIfNeeded(connection.UserName)} lets it; -All lists them as they are.";
}
