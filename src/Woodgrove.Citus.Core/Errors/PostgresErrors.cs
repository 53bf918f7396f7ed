using System.Globalization;
using System.Net.Sockets;
using System.Text.RegularExpressions;
using Npgsql;

namespace Woodgrove.Citus.Errors;

/// <summary>Turns what Npgsql throws into a <see cref="CitusException"/>, by SQLSTATE and never by message text.</summary>
public static partial class PostgresErrors
{
    /// <summary>Describes any failure that has no more particular explanation.</summary>
    public static CitusException Describe(Exception failure, object? target = null) => failure switch
    {
        CitusException known => known,
        NpgsqlException { InnerException: CitusException known } => known,
        PostgresException server => FromServer(server, target),
        NpgsqlException { InnerException: TimeoutException } late => new CitusException(
            "CitusTimeout", CitusErrorKind.OperationTimeout, "The server did not answer in time.",
            "Raise -Timeout (seconds; 0 means no limit), or see what it is waiting for in pg_stat_activity.", late)
        { Target = target },
        NpgsqlException lost when IsNetwork(lost) => new CitusException(
            "CitusConnectionLost", CitusErrorKind.ConnectionError, $"The connection to the server failed: {Innermost(lost).TrimEnd('.')}.",
            "Check that the server runs and that its host, port and firewall let you in; then run the command again. "
                + "If it changes data, check first whether the change was committed.", lost)
        { Target = target },
        NpgsqlException other => new CitusException(
            "CitusClientError", CitusErrorKind.InvalidOperation, other.Message, inner: other)
        { Target = target },
        UnauthorizedAccessException denied => new CitusException(
            "CitusFileDenied", CitusErrorKind.PermissionDenied, denied.Message, inner: denied) { Target = target },
        FileNotFoundException or DirectoryNotFoundException => new CitusException(
            "CitusFileNotFound", CitusErrorKind.ObjectNotFound, failure.Message, "Check the path.", failure) { Target = target },
        IOException io => new CitusException(
            "CitusReadFailed", CitusErrorKind.ResourceUnavailable, io.Message, inner: io) { Target = target },
        ArgumentException or InvalidCastException or FormatException or NotSupportedException => new CitusException(
            "CitusInvalidArgument", CitusErrorKind.InvalidArgument, failure.Message, inner: failure) { Target = target },
        _ => new CitusException("CitusUnexpected", CitusErrorKind.InvalidOperation, failure.Message,
            "This was not foreseen; please report it with the output of Get-Error.", failure) { Target = target },
    };

    /// <summary>
    /// True where the connection itself broke. The open transaction is rolled back then, unless its COMMIT had been sent, whose
    /// outcome is unknown.
    /// </summary>
    public static bool IsNetwork(Exception failure) =>
        failure is PostgresException { SqlState: [ '5', '7', 'P', ..] or [ '0', '8', ..] }
        || (failure is not PostgresException && Causes(failure).Any(e => e is SocketException or IOException or EndOfStreamException));

    /// <summary>True where a server is not reached, or stops or starts, or answers too late.</summary>
    internal static bool IsUnreached(Exception failure) => IsNetwork(failure)
        || failure is TimeoutException or NpgsqlException { InnerException: TimeoutException or CitusException };

    /// <summary>
    /// True where the same work may well succeed if it is begun again: a lost or refused connection, a conflict, a lock, a
    /// server's time limit, an I/O error of a server that crashed.
    /// </summary>
    // XX000 is what Citus says when it loses a node in the middle of a transaction ("failure on connection marked as essential"),
    // and when a worker refuses a row; only the latter has a detail, which names the row. It is also the code of input functions that
    // give none, as hstore's before PostgreSQL 16.
    public static bool IsTransient(Exception failure) => Causes(failure).Any(e => e is PostgresException server
        ? server.SqlState is ['0', '8', ..] or ['4', '0', ..] or ['5', '7', 'P', ..] or ['5', '3', ..] or ['5', '8', ..] or "25P03"
            or "25P04" or "55P03" or "57014"
            || server is { SqlState: PostgresErrorCodes.InternalError, Detail: null or "" } && !IsAboutValue(server)
                && !IsShardMissingHere(server)
        : e is SocketException or EndOfStreamException or NpgsqlException { InnerException: IOException });

    /// <summary>
    /// The same for what may be described already: a server that went away may still be starting, or ending the sessions of an
    /// attempt before.
    /// </summary>
    internal static bool MayPass(Exception failure) => failure is CitusException known ? known.MayPass : IsTransient(failure);

    /// <summary>
    /// True where Citus passes on that a worker refused a row: by a message with a detail, or by any message that a worker
    /// ended a COPY with. (Where the worker itself is lost, Citus reports an I/O error.)
    /// </summary>
    public static bool IsWorkerRefusal(PostgresException server) =>
        server.SqlState == PostgresErrorCodes.InternalError
            && (server.Routine == "ReportCopyError" || !string.IsNullOrEmpty(server.Detail));

    /// <summary>
    /// True where a command can't be carried out, so that no row is at fault: a node lacks the table, the schema or a column of a
    /// shard, or takes no changes. Citus passes on a node's error as it is, unless it ends a COPY (<see cref="IsWorkerRefusal"/>);
    /// the server's own has no context then.
    /// </summary>
    public static bool IsAboutCommand(PostgresException server) => IsShardMissingHere(server)
        || (server.SqlState is PostgresErrorCodes.UndefinedTable or PostgresErrorCodes.InvalidSchemaName
            or PostgresErrorCodes.UndefinedColumn or PostgresErrorCodes.ReadOnlySqlTransaction
            && (IsOfOtherNode(server) || string.IsNullOrEmpty(server.Where)));

    /// <summary>True where Citus passes on what another node says of a command.</summary>
    private static bool IsOfOtherNode(PostgresException server) => server.Routine == "ReportResultError";

    /// <summary>True where Citus opens a shard of the server itself, which has no table: it looks it up, and finds OID 0.</summary>
    private static bool IsShardMissingHere(PostgresException server) =>
        server is { SqlState: PostgresErrorCodes.InternalError, Routine: "relation_open", MessageText: [.., ' ', '0'] };

    /// <summary>The server's message with the detail and hint it gave.</summary>
    public static string Text(PostgresException server)
    {
        var parts = new List<string> { server.MessageText.TrimEnd('.') + "." };
        if (!string.IsNullOrWhiteSpace(server.Detail)) parts.Add(server.Detail.TrimEnd());
        if (!string.IsNullOrWhiteSpace(server.Hint)) parts.Add("Hint: " + server.Hint.TrimEnd());
        parts.Add($"(SQLSTATE {server.SqlState})");
        return string.Join(' ', parts);
    }

    private static CitusException FromServer(PostgresException server, object? target)
    {
        (string id, CitusErrorKind kind, string? advice) = server.SqlState switch
        {
            "28P01" or "28000" => ("CitusAuthenticationFailed", CitusErrorKind.AuthenticationError,
                "Check the user name and the password (-Credential, $env:PGPASSWORD or .pgpass), "
                    + "and that pg_hba.conf lets this user in from here."),
            "3D000" => ("CitusDatabaseNotFound", CitusErrorKind.ObjectNotFound, "Name an existing database with -Database."),
            "42501" => ("CitusPermissionDenied", CitusErrorKind.PermissionDenied,
                "Ask the owner for the right with GRANT, or connect as another user."),
            _ when IsShardMissingHere(server) || (server.SqlState is "42P01" or "3F000" && IsOfOtherNode(server)) =>
                ("CitusTableNotFound", CitusErrorKind.ObjectNotFound,
                    "It is missing on a node. If it is a shard's table, Test-CitusCluster ShardPlacements lists where."),
            "42P01" => ("CitusTableNotFound", CitusErrorKind.ObjectNotFound,
                "Check the name and its schema; Get-DistributedTable lists the distributed ones."),
            "42703" => ("CitusColumnNotFound", CitusErrorKind.ObjectNotFound, null),
            "42P07" or "42710" or "42P06" => ("CitusAlreadyExists", CitusErrorKind.ResourceExists, null),
            "42601" => ("CitusSyntaxError", CitusErrorKind.SyntaxError, null),
            "57014" => ("CitusQueryCancelled", CitusErrorKind.OperationStopped, null),
            "57P01" or "57P02" or "57P03" => ("CitusConnectionLost", CitusErrorKind.ConnectionError,
                "The server is stopping or starting. What the open transaction had done is rolled back; "
                    + "run the command again when it is up."),
            // The limit of a role, that of a database, or that of the server.
            "53300" => ("CitusTooManyConnections", CitusErrorKind.LimitsExceeded, "Close idle sessions or raise " + server.Routine switch
            {
                "InitializeSessionUserId" => "the role's limit (ALTER ROLE name CONNECTION LIMIT n).",
                "CheckMyDatabase" => "the database's limit (ALTER DATABASE name CONNECTION LIMIT n).",
                _ => "max_connections.",
            }),
            "0A000" => ("CitusNotSupported", CitusErrorKind.NotImplemented, null),
            "55P03" => ("CitusLockTimeout", CitusErrorKind.ResourceUnavailable, "Another session holds the lock; try again later."),
            "40001" or "40P01" => ("CitusTransactionConflict", CitusErrorKind.ResourceUnavailable, "Run the command again."),
            [ '2', '2', ..] => ("CitusInvalidValue", CitusErrorKind.InvalidData, null),
            [ '2', '3', ..] => ("CitusConstraintViolation", CitusErrorKind.InvalidData, null),
            // A pooler's own 08P01 is fatal; the server's says that the query has a $1.
            "08P01" when server.InvariantSeverity == "ERROR" => ("CitusInvalidArgument", CitusErrorKind.InvalidArgument,
                "Write parameters as @name, with their values in -Parameter."),
            // The server that says so is there: it is the one that lacks a connection, to another node.
            [ '0', '8', ..] when server.InvariantSeverity == "ERROR" => ("CitusConnectionLost", CitusErrorKind.ConnectionError,
                "The node that you are connected to has no connection to another one, or that one refused it: "
                    + "Get-CitusNode shows which answer, and Test-CitusCluster what they lack. "
                + "The nodes ask each other as your role, which must be let in on each (pg_hba.conf, the server's .pgpass, "
                + "pg_dist_authinfo)."),
            [ '0', '8', ..] => ("CitusConnectionLost", CitusErrorKind.ConnectionError, null),
            _ => ("CitusServerError", CitusErrorKind.InvalidOperation, (string?)null),
        };
        return new CitusException(id, kind, Text(server), advice, server) { Target = target, SqlState = server.SqlState };
    }

    private static IEnumerable<Exception> Causes(Exception failure)
    {
        for (Exception? e = failure; e is not null; e = e.InnerException) yield return e;
    }

    private static string Innermost(Exception failure) => Causes(failure).Last().Message;

    /// <summary>
    /// What may be the fault of one record: its data, a constraint, an error that a trigger or a function raises (P0001), a
    /// limit of the server such as an index row's size (54000). Input functions of types such as tsvector, jsonpath or regtype
    /// have codes of the parser, too; then the context begins with COPY, as it does where nothing but the value is read.
    /// </summary>
    public static bool IsAboutRow(PostgresException e) =>
        e.SqlState is ['2', '2', ..] or ['2', '3', ..] or PostgresErrorCodes.RaiseException or PostgresErrorCodes.ProgramLimitExceeded
        || (e.Where?.StartsWith("COPY ", StringComparison.Ordinal) is true && e.SqlState is PostgresErrorCodes.SyntaxError
            or PostgresErrorCodes.UndefinedObject or PostgresErrorCodes.UndefinedTable or PostgresErrorCodes.UndefinedFunction
            or PostgresErrorCodes.InvalidName or PostgresErrorCodes.InvalidSchemaName);

    /// <summary>True where the input function of a column's type failed without a code of its own while COPY read a value.</summary>
    /// <remarks>Npgsql ends the session with such an error, so that the row can't be rejected and the rest loaded.</remarks>
    public static bool IsAboutValue(PostgresException e) =>
        e.SqlState == PostgresErrorCodes.InternalError && CopyContext(e)?.Column is not null;

    /// <summary>Why -OnError Skip does not skip such a row.</summary>
    public const string CannotSkip = "It can't be skipped: an error without an SQLSTATE of its own ends the session.";

    /// <summary>The line and column that "COPY t, line N, column c" names, in whatever language the server writes it.</summary>
    public static (string Relation, long Line, string? Column)? CopyContext(PostgresException e)
    {
        if (e.Where is not { } text || CopyContextPattern().Match(text) is not { Success: true } match) return null;
        return (match.Groups["relation"].Value, long.Parse(match.Groups["line"].Value, CultureInfo.InvariantCulture),
            match.Groups["column"].Success ? match.Groups["column"].Value : null);
    }

    [GeneratedRegex(@"^COPY (?<relation>.+), \p{L}+ (?<line>\d+)(, \p{L}+ (?<column>[^:\n]+))?(?=:|$)", RegexOptions.Multiline)]
    private static partial Regex CopyContextPattern();

    /// <summary>0A000 is Citus's for SQL that it can't distribute; a join that needs repartitioning comes as XX000.</summary>
    /// <remarks>What PostgreSQL's own parser refuses, it would refuse on one machine too: so the message is shown unchanged.</remarks>
    public static bool IsUndistributable(PostgresException e) =>
        e.SqlState is PostgresErrorCodes.FeatureNotSupported or PostgresErrorCodes.InternalError
        && e.Position == 0 && e.File is not ("analyze.c" or ['p', 'a', 'r', 's', 'e', '_', ..]);
}
