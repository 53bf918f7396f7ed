using System.Globalization;
using System.Net.Sockets;
using System.Security.Authentication;
using Npgsql;
using Woodgrove.Citus.Errors;

namespace Woodgrove.Citus.Connections;

/// <summary>Errors of connecting, and of sessions.</summary>
internal static class ConnectionErrors
{
    public static CitusException NoService(string service, IEnumerable<string> files) =>
        new("CitusServiceNotFound", CitusErrorKind.ObjectNotFound,
            $"The connection service '{service}' is not in any of {string.Join(", ", files)}.",
            "Add a section of that name to one of them, or unset PGSERVICE.");

    public static CitusException NoToken(Exception cause) =>
        new("CitusTokenFailed", CitusErrorKind.AuthenticationError,
            $"The script block of -AccessToken gave no token: {cause.Message.TrimEnd('.')}.",
            "Run it by itself; it has a session of its own, and takes values from here as $using:name.", cause);

    public static CitusException Closed(string connection, Exception cause) =>
        new("CitusDisconnected", CitusErrorKind.ConnectionError,
            $"The connection '{connection}' has been closed.", "Connect again with Connect-CitusCluster.", cause) { Target = connection };

    /// <summary>The connection leads through a pooler that gives a session to several clients.</summary>
    /// <param name="connection">The message up to the connection.</param>
    /// <param name="effect">What that does, to the end of the message.</param>
    public static CitusException Pooled(string connection, string effect, object? target, Exception? cause = null) =>
        new("CitusPoolerNotSupported", CitusErrorKind.InvalidOperation,
            $"{connection} leads through a pooler that gives a session to several clients (PgBouncer's pool_mode transaction), {effect}",
            "Connect to the server itself, or through a pool whose pool_mode is session.", cause) { Target = target };

    /// <summary>A session lacks what was set in it.</summary>
    public static CitusException SettingsLost(string connection, object? target, Exception? cause = null) =>
        Pooled(connection, "which loses the session's settings.", target, cause);

    public static CitusException CoordinatorChanged(string connection) =>
        new("CitusCoordinatorChanged", CitusErrorKind.InvalidOperation,
            $"The connection '{connection}' led to one coordinator when the command began, and now leads to another, of a different "
                + "cluster.",
            "See where its address leads, and begin again.") { Target = connection };

    public static CitusException BadConnectionString(Exception cause) =>
        new("CitusInvalidArgument", CitusErrorKind.InvalidArgument,
            $"-ConnectionString can't be read: {cause.Message}",
            "It is Npgsql's: Host=...;Port=5432;Database=citus;Username=...;Password=... "
                + "A postgresql:// address is taken apart into -Server, -Port, -Database and -Credential.", cause);

    /// <param name="where">What the connection leads to instead.</param>
    /// <param name="reach">How nodes that this machine does not reach can be reached.</param>
    public static CitusException NoCoordinator(string connection, string where, string why, string reach, Exception? cause) =>
        new("CitusCoordinatorNotReached", CitusErrorKind.ConnectionError,
            $"The command needs the cluster's coordinator. The connection '{connection}' leads to {where}, and {why}.",
            $"Connect to the coordinator itself (on Azure Elastic Clusters: port 5432). {reach}.", cause) { Target = connection };

    /// <summary>A program of PostgreSQL's can't look for the coordinator behind a load-balanced port.</summary>
    /// <param name="port">The load-balanced port.</param>
    public static CitusException NoAddressOfCoordinator(string connection, string program, string port) =>
        new("CitusCoordinatorNotReached", CitusErrorKind.ConnectionError,
            $"{program} needs the address of the cluster's coordinator. The connection '{connection}' reaches the coordinator only through "
                + $"{port}, where each connection may reach another node.",
            "Connect to the coordinator's own port, and name the load-balanced one beside it (on Azure Elastic Clusters: "
                + "Connect-CitusCluster -Port 5432 -LoadBalancedPort 7432).") { Target = connection };

    /// <param name="port">The port that was dialled.</param>
    /// <param name="wanted">Null for the coordinator.</param>
    /// <param name="seen">How often each node was reached.</param>
    public static CitusException NodeNotReached(string port, NodeName? wanted, SortedDictionary<string, int> seen, TimeSpan elapsed,
        Exception? failure)
    {
        string who = wanted is { } node ? $"node {node}" : "the coordinator";
        string found = seen.Count == 0 ? "no node answered" : "they reached "
            + string.Join(", ", seen.Select(s => $"{s.Key} {s.Value} {(s.Value == 1 ? "time" : "times")}"));
        string last = failure is null ? "" : $"; the last failure was: {PostgresErrors.Describe(failure).What.TrimEnd('.')}";
        return new CitusException("CitusNodeNotReached", CitusErrorKind.ConnectionError, string.Create(CultureInfo.InvariantCulture,
                $"No session through {port} reached {who} in {elapsed.TotalSeconds:0.0} s: {found}{last}."),
            wanted is null
                ? "See that the port leads to every node and that the coordinator runs, or connect to the coordinator's own port "
                    + "(5432 on Azure Elastic Clusters) with the load-balanced one in -LoadBalancedPort."
                : "Get-CitusNode shows whether the node answers the others. If it does, see that the port leads to every node, "
                    + "or map the node to an address that this machine reaches with Connect-CitusCluster -NodeAddress.",
            failure ?? new SocketException((int)SocketError.HostUnreachable)) { Target = wanted?.ToString() ?? port };
    }

    /// <summary>The certificate of a node can't be verified: those of private addresses seldom name them.</summary>
    public static NpgsqlException NodeNotVerified(NodeName address, SslMode mode, Exception cause)
    {
        var told = new CitusException("CitusConnectionFailed", CitusErrorKind.ConnectionError,
            $"The TLS certificate of node {address} could not be verified ({mode}): {cause.Message.TrimEnd('.')}.",
            "Connect-CitusCluster -NodeAddress maps the node to a name that its certificate has, -LoadBalancedPort finds it by the "
                + "server's own name, $env:PGSSLROOTCERT names the certificate's root, and on a network that you trust -SslMode Require "
                + "encrypts without verifying.", cause) { Target = address.ToString() };
        return new NpgsqlException(told.What, told);
    }

    /// <summary>How a node that this machine does not reach can be reached, without the sentence's end.</summary>
    /// <param name="failure">Why it is not reached.</param>
    public static string ReachAdvice(bool hasLoadBalancedPort, Exception? failure) =>
        failure?.InnerException is CitusException { ErrorId: "CitusConnectionFailed", Advice: { } own } ? own.TrimEnd('.')
        : hasLoadBalancedPort ? "Connect-CitusCluster -NodeAddress maps it to an address that can be reached"
        : "Connect-CitusCluster -LoadBalancedPort finds it through a port where each connection reaches some node (7432 on Azure Elastic "
            + "Clusters), and -NodeAddress maps it to an address that can be reached";

    /// <param name="shown">The server as it is shown.</param>
    public static CitusException NotConnected(Exception e, string shown, NpgsqlConnectionStringBuilder settings)
    {
        string what = $"No connection to {shown} as {settings.Username ?? Environment.UserName}: ";
        if (e is PostgresException)
        {
            CitusException known = PostgresErrors.Describe(e, shown);
            return known.With(what + known.What, known.Advice);
        }
        if (e is CitusException || e.InnerException is CitusException) return PostgresErrors.Describe(e, shown);
        Exception cause = e.InnerException ?? e;
        return new CitusException("CitusConnectionFailed", CitusErrorKind.ConnectionError,
            $"{what}{cause.Message.TrimEnd('.')}.", Advice(cause, settings), e) { Target = shown };
    }

    private static string Advice(Exception cause, NpgsqlConnectionStringBuilder settings) => cause switch
    {
        AuthenticationException => "The server's TLS certificate could not be verified; give its root with $env:PGSSLROOTCERT, "
            + "or choose another -SslMode if you trust the network.",
        FileNotFoundException or DirectoryNotFoundException =>
            "A file of the connection's is not there: $env:PGPASSFILE, PGSSLROOTCERT, PGSSLCERT and PGSSLKEY name them. "
            + "Fix or unset the variable; a password can be given by -Credential too.",
        // Npgsql's own words, and it has no others: the server has asked for a password, and nothing has one.
        NpgsqlException when cause.Message.StartsWith("No password", StringComparison.Ordinal) =>
            "Give it with -Credential, $env:PGPASSWORD or .pgpass.",
        NpgsqlException or NotSupportedException when settings.SslMode > SslMode.Prefer =>
            "The server may not speak TLS: on a network you trust, -SslMode Disable connects without it.",
        _ => "Check the host and port, that the server listens there, and that no firewall blocks the connection; "
            + "Start-CitusSandbox starts a local one to try things on.",
    };
}
