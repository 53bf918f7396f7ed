using Npgsql;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Errors;
using Woodgrove.Citus.Sql;

namespace Woodgrove.Citus.Operations;

/// <summary>Errors of analyzing tables.</summary>
internal static class StatisticsErrors
{
    public static CitusException NoSchema(string name) =>
        new("CitusSchemaNotFound", CitusErrorKind.ObjectNotFound, $"There is no schema '{name}'.",
            "Invoke-CitusQuery 'SELECT nspname FROM pg_namespace' lists those that there are.") { Target = name };

    public static CitusException NoRight(CitusConnection connection, string table, string owner) =>
        new("CitusPermissionDenied", CitusErrorKind.PermissionDenied,
            $"{connection.UserName} may not analyze {table}, which belongs to {owner}; the server would warn, and leave it out.",
            $"Connect as its owner, or have a superuser run: GRANT {TableName.QuoteIfNeeded(owner)} TO "
                + $"{TableName.QuoteIfNeeded(connection.UserName)};")
        { Target = table, SqlState = PostgresErrorCodes.InsufficientPrivilege };
}
