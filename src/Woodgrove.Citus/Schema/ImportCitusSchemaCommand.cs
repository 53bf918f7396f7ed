using System.Management.Automation;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Errors;
using Woodgrove.Citus.Pipeline;

namespace Woodgrove.Citus.Schema;

/// <summary>Creates the objects of an exported schema and compares objects that already exist.</summary>
[Cmdlet(VerbsData.Import, "CitusSchema", DefaultParameterSetName = "Path", SupportsShouldProcess = true)]
[OutputType(typeof(SchemaImportResult))]
public sealed class ImportCitusSchemaCommand : ConnectedCmdlet
{
    private readonly List<SchemaObject> _objects = [];

    /// <summary>Objects of Export-CitusSchema.</summary>
    [Parameter(ParameterSetName = "Object", Mandatory = true, ValueFromPipeline = true)]
    [ValidateNotNull]
    public SchemaObject[] InputObject { get; set; } = [];

    /// <summary>A script that Export-CitusSchema wrote.</summary>
    [Parameter(ParameterSetName = "Path", Mandatory = true, Position = 0)]
    [Alias("LiteralPath")]
    [ValidateNotNullOrEmpty]
    public string Path { get; set; } = "";

    protected override void ProcessRecord() => _objects.AddRange(InputObject);

    protected override void EndProcessing()
    {
        CitusConnection cluster = Cluster;
        string? file = ParameterSetName == "Path" ? GetUnresolvedProviderPathFromPSPath(Path) : null;
        SchemaImport? import = null;
        try
        {
            Run(async (_, stop) =>
            {
                if (file is not null) _objects.AddRange(SchemaScript.Read(await File.ReadAllTextAsync(file, stop), file));
                import = await SchemaImport.OpenAsync(cluster, stop);
            }, file ?? cluster.Name);
            foreach (SchemaObject item in _objects) Import(import!, item);
            Run(async (output, stop) =>
            {
                foreach ((SchemaObject made, string why) in await import!.VerifyAsync(stop))
                    output.Warning($"{made} was applied, but is not as the script has it: {why}.");
            }, cluster.Name);
        }
        finally
        {
            import?.DisposeAsync().AsTask().GetAwaiter().GetResult();
        }
    }

    private void Import(SchemaImport import, SchemaObject item)
    {
        if (import.Examine(item) is { } known)
        {
            WriteObject(known);
            return;
        }
        if (!ShouldProcess(item.ToString(), item.Sql)) return;
        RunEach(async (output, stop) =>
        {
            SchemaImportResult result = await import.ApplyAsync(item, stop);
            await output.ObjectAsync(result);
            if (result.State == SchemaImportState.Failed) throw SchemaImportErrors.ObjectFailed(item, result);
        }, item.Name);
    }
}
