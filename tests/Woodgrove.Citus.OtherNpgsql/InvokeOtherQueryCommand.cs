using System.Management.Automation;
using Npgsql;

namespace Woodgrove.Citus.OtherNpgsql;

/// <summary>Answers with the version of its own Npgsql and one value from the server.</summary>
[Cmdlet(VerbsLifecycle.Invoke, "OtherQuery")]
[OutputType(typeof(string))]
public sealed class InvokeOtherQueryCommand : PSCmdlet
{
    [Parameter(Mandatory = true)]
    public string ConnectionString { get; set; } = "";

    [Parameter(Mandatory = true)]
    public string Query { get; set; } = "";

    protected override void ProcessRecord()
    {
        using var connection = new NpgsqlConnection(ConnectionString);
        connection.Open();
        using var command = new NpgsqlCommand(Query, connection);
        WriteObject($"{typeof(NpgsqlConnection).Assembly.GetName().Version!.ToString(3)} {command.ExecuteScalar()}");
    }
}
