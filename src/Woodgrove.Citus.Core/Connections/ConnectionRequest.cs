using Npgsql;

namespace Woodgrove.Citus.Connections;

/// <summary>What a user asks for when connecting; null means "whatever libpq's environment or the default says".</summary>
public sealed record ConnectionRequest
{
    public string? Server { get; init; }
    public int? Port { get; init; }
    public string? Database { get; init; }
    public string? UserName { get; init; }

    /// <summary>The password, or an Entra access token, which PostgreSQL takes in its place.</summary>
    public string? Password { get; init; }

    /// <summary>Gets a fresh access token whenever one is needed, in place of <see cref="Password"/>.</summary>
    public Func<CancellationToken, Task<string>>? FetchToken { get; init; }

    public SslMode? SslMode { get; init; }

    /// <summary>The name of a section of the service file.</summary>
    public string? Service { get; init; }

    /// <summary>A port of the server where each connection reaches some node of the cluster.</summary>
    public int? LoadBalancedPort { get; init; }

    /// <summary>Addresses for nodes whose own names can't be reached from here: name, or name:port, to host, or host:port.</summary>
    public IReadOnlyDictionary<string, string>? NodeAddress { get; init; }

    /// <summary>An Npgsql connection string; the members above stay null with it.</summary>
    public string? ConnectionString { get; init; }

    /// <summary>
    /// The settings to connect with, from, in this order: the request, the service file, libpq's environment
    /// variables, the defaults. <c>.pgpass</c> and the rest of libpq's variables are read by Npgsql itself.
    /// </summary>
    public NpgsqlConnectionStringBuilder Resolve() => Resolve(out _);

    /// <param name="isSslModeByHost">True where nothing names a TLS mode, so that it was chosen for the host.</param>
    internal NpgsqlConnectionStringBuilder Resolve(out bool isSslModeByHost)
    {
        NpgsqlConnectionStringBuilder settings = Given(ConnectionString);
        IReadOnlyDictionary<string, string> service = ServiceFile.Read(Service ?? Environment.GetEnvironmentVariable("PGSERVICE"));

        string? From(string key, string variable) =>
            service.GetValueOrDefault(key) ?? NonEmpty(Environment.GetEnvironmentVariable(variable));
        bool Has(string keyword) => settings.ContainsKey(keyword) && settings.ShouldSerialize(keyword);

        if (!Has("Host")) settings.Host = Server ?? From("host", "PGHOST") ?? "localhost";
        if (!Has("Port") && (Port?.ToString(System.Globalization.CultureInfo.InvariantCulture) ?? From("port", "PGPORT")) is { } port)
            settings.Port = int.Parse(port, System.Globalization.CultureInfo.InvariantCulture);
        if (!Has("Database")) settings.Database = Database ?? From("dbname", "PGDATABASE") ?? "citus";
        if (!Has("Username") && (UserName ?? From("user", "PGUSER")) is { } user) settings.Username = user;
        if (!Has("Password") && (Password ?? service.GetValueOrDefault("password")) is { } password) settings.Password = password;
        SslMode? mode = SslMode ?? (Has("SSL Mode") ? settings.SslMode : ParseSslMode(From("sslmode", "PGSSLMODE")));
        isSslModeByHost = mode is null;
        settings.SslMode = mode ?? DefaultSslMode(settings.Host!);
        if (!Has("Root Certificate") && From("sslrootcert", "PGSSLROOTCERT") is { } root) settings.RootCertificate = root;
        if (!Has("Application Name")) settings.ApplicationName = From("application_name", "PGAPPNAME") ?? "Woodgrove.Citus";

        settings.PersistSecurityInfo = false;
        // Sessions have settings of their own (a search path, a role's limits), which must end with their use.
        (settings.NoResetOnClose, settings.Multiplexing) = (false, false);
        // The detail of a refusal ("Key (id)=(5) already exists") is the user's own data and tells which row it was.
        if (!Has("Include Error Detail")) settings.IncludeErrorDetail = true;
        // An array with a NULL in it is one of int?, not an error.
        if (!Has("Array Nullability Mode")) settings.ArrayNullabilityMode = ArrayNullabilityMode.PerInstance;
        // A DBA's statement may rightly take hours; -Timeout and Ctrl+C end it. A limit of the client's would also end the wait for a
        // COMMIT, whose outcome is then unknown.
        settings.CommandTimeout = 0;
        // So a server that has vanished without a word is noticed within minutes.
        if (!Has("TCP Keepalive") && !IsUnixSocket(settings.Host!))
            (settings.TcpKeepAlive, settings.TcpKeepAliveTime, settings.TcpKeepAliveInterval) = (true, 30, 10);
        // Large enough that a CSV chunk or a batch of rows passes in one system call.
        if (!Has("Read Buffer Size")) settings.ReadBufferSize = 64 * 1024;
        if (!Has("Write Buffer Size")) settings.WriteBufferSize = 64 * 1024;
        return settings;
    }

    /// <summary>The port to find nodes by: the one that is given, or that of Azure's Elastic Clusters where it is connected to.</summary>
    internal int? LoadBalancedPortFor(NpgsqlConnectionStringBuilder settings) => LoadBalancedPort
        ?? (settings.Port == 7432 && settings.Host!.EndsWith(".postgres.database.azure.com", StringComparison.OrdinalIgnoreCase) ? 7432
            : null);

    private static NpgsqlConnectionStringBuilder Given(string? connectionString)
    {
        try
        {
            return new NpgsqlConnectionStringBuilder(connectionString ?? "");
        }
        catch (Exception e) when (e is ArgumentException or FormatException)
        {
            throw ConnectionErrors.BadConnectionString(e);
        }
    }

    /// <summary>Plain text is acceptable on loopback only; Azure's certificates can be verified.</summary>
    internal static SslMode DefaultSslMode(string host)
    {
        if (IsUnixSocket(host) || host is "localhost"
            || (System.Net.IPAddress.TryParse(host, out System.Net.IPAddress? address) && System.Net.IPAddress.IsLoopback(address)))
            return Npgsql.SslMode.Prefer;
        return host.EndsWith(".azure.com", StringComparison.OrdinalIgnoreCase) ? Npgsql.SslMode.VerifyFull : Npgsql.SslMode.Require;
    }

    private static bool IsUnixSocket(string host) => host.StartsWith('/') || host.StartsWith('@');

    private static SslMode? ParseSslMode(string? text) => text switch
    {
        null => null,
        "verify-ca" => Npgsql.SslMode.VerifyCA,
        "verify-full" => Npgsql.SslMode.VerifyFull,
        _ => Enum.Parse<SslMode>(text, ignoreCase: true),
    };

    private static string? NonEmpty(string? text) => string.IsNullOrEmpty(text) ? null : text;
}
