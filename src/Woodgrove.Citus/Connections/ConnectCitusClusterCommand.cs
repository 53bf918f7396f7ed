using System.Collections;
using System.Management.Automation;
using Npgsql;
using Woodgrove.Citus.Pipeline;

namespace Woodgrove.Citus.Connections;

/// <summary>Connects to a cluster; other cmdlets use the latest connection.</summary>
[Cmdlet(VerbsCommunications.Connect, "CitusCluster", DefaultParameterSetName = "Server")]
[OutputType(typeof(CitusConnection))]
public sealed class ConnectCitusClusterCommand : CitusCmdlet
{
    [Parameter(ParameterSetName = "Server", Position = 0)]
    [Parameter(ParameterSetName = "Token", Position = 0)]
    [Alias("Host", "ComputerName")]
    public string? Server { get; set; }

    [Parameter(ParameterSetName = "Server")]
    [Parameter(ParameterSetName = "Token")]
    [ValidateRange(1, 65535)]
    public int? Port { get; set; }

    [Parameter(ParameterSetName = "Server")]
    [Parameter(ParameterSetName = "Token")]
    public string? Database { get; set; }

    [Parameter(ParameterSetName = "Server")]
    [Credential]
    public PSCredential? Credential { get; set; }

    /// <summary>An Entra access token, which the server takes in place of a password, or a script block that fetches one.</summary>
    [Parameter(ParameterSetName = "Token", Mandatory = true)]
    [ValidateNotNull]
    public object? AccessToken { get; set; }

    [Parameter(ParameterSetName = "Server")]
    [Parameter(ParameterSetName = "Token")]
    [Alias("User")]
    public string? UserName { get; set; }

    [Parameter(ParameterSetName = "Server")]
    [Parameter(ParameterSetName = "Token")]
    public SslMode? SslMode { get; set; }

    /// <summary>A section of libpq's connection service file.</summary>
    [Parameter(ParameterSetName = "Server")]
    [Parameter(ParameterSetName = "Token")]
    [ArgumentCompleter(typeof(ServiceCompleter))]
    public string? Service { get; set; }

    [Parameter(ParameterSetName = "ConnectionString", Mandatory = true)]
    public string? ConnectionString { get; set; }

    /// <summary>A port of the server where each connection reaches some node, to find nodes that can't be reached otherwise.</summary>
    [Parameter]
    [ValidateRange(1, 65535)]
    public int? LoadBalancedPort { get; set; }

    /// <summary>Addresses for nodes whose own names can't be reached from here: name (or name:port) to host (or host:port).</summary>
    [Parameter]
    [ValidateNotNull]
    public IDictionary? NodeAddress { get; set; }

    /// <summary>What to call the connection; server:port/database by default.</summary>
    [Parameter]
    public string? Name { get; set; }

    protected override void ProcessRecord()
    {
        object? token = AccessToken is PSObject wrapped ? wrapped.BaseObject : AccessToken;
        var request = new ConnectionRequest
        {
            Server = Server,
            Port = Port,
            Database = Database,
            UserName = UserName ?? Credential?.UserName,
            Password = AccessToken is null ? Credential?.GetNetworkCredential().Password : token is ScriptBlock ? null
                : TokenScript.Read(token),
            FetchToken = token is ScriptBlock script ? new TokenScript(script, SessionState.PSVariable).FetchAsync : null,
            SslMode = SslMode,
            Service = Service,
            LoadBalancedPort = LoadBalancedPort,
            NodeAddress = Texts.Read(NodeAddress),
            ConnectionString = ConnectionString,
        };
        Run(async (output, stop) =>
        {
            CitusConnection connection = await CitusConnection.OpenAsync(request, Name, stop);
            await SessionConnections.AddAsync(connection);
            output.Verbose($"Connected to {connection.Name} as {connection.UserName} (TLS {connection.SslMode}); "
                + "it is now the default of -Connection.");
            await output.ObjectAsync(connection);
        }, Server);
    }
}
