using Npgsql;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Errors;
using Woodgrove.Citus.Sql;

namespace Woodgrove.Citus.Operations;

/// <summary>Errors of restore points.</summary>
internal static class RestorePointErrors
{
    public static CitusException NameTooLong(string name, int longest) =>
        new("CitusInvalidArgument", CitusErrorKind.InvalidArgument,
            $"The name of a restore point has at most {longest} bytes in UTF-8, and '{name}' has more.", "Give it a shorter name.")
        { Target = name };

    public static CitusException Exists(string name) =>
        new("CitusRestorePointExists", CitusErrorKind.ResourceExists,
            $"There is a restore point '{name}' already, and a recovery stops at the first of its name.",
            "Give it another name; Get-CitusRestorePoint lists those that there are.") { Target = name };

    public static CitusException NotFound(string name) =>
        new("CitusRestorePointNotFound", CitusErrorKind.ObjectNotFound,
            $"There is no restore point '{name}' in woodgrove.restore_point.",
            "Get-CitusRestorePoint lists those that there are. One that was created by SQL alone is in the servers' logs.")
        { Target = name };

    public static CitusException NoRight(CitusConnection connection) =>
        new("CitusPermissionDenied", CitusErrorKind.PermissionDenied,
            $"{connection.UserName} may not create a restore point: citus_create_restore_point needs a superuser.",
            "Connect as a superuser. On Azure Database for PostgreSQL and Azure Cosmos DB for PostgreSQL nobody is one: the service takes "
                + "the backups, and restores the cluster to a time.") { Target = connection.Name };

    public static CitusException NotReadable(NpgsqlConnection session, Exception cause)
    {
        string user = TableName.Quote(session.UserName ?? "");
        return new("CitusPermissionDenied", CitusErrorKind.PermissionDenied, $"{user} may not read woodgrove.restore_point.",
            $"Have its owner run: GRANT USAGE ON SCHEMA woodgrove TO {user}; GRANT SELECT ON woodgrove.restore_point TO {user};", cause)
        { Target = RestorePoint.Table, SqlState = PostgresErrorCodes.InsufficientPrivilege };
    }
}
