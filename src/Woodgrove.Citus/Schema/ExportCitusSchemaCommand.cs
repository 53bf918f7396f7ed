using System.Management.Automation;
using System.Text;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Files;
using Woodgrove.Citus.Pipeline;

namespace Woodgrove.Citus.Schema;

/// <summary>Exports the distribution of a database as an SQL script or as objects.</summary>
[Cmdlet(VerbsData.Export, "CitusSchema", SupportsShouldProcess = true)]
[OutputType(typeof(SchemaObject), typeof(FileInfo))]
public sealed class ExportCitusSchemaCommand : ConnectedCmdlet
{
    /// <summary>The script to write; without it, objects are emitted.</summary>
    [Parameter(Position = 0)]
    [Alias("LiteralPath")]
    [ValidateNotNullOrEmpty]
    public string? Path { get; set; }

    /// <summary>Also exports the definitions of tables, functions and other objects, as written by pg_dump.</summary>
    [Parameter]
    public SwitchParameter IncludeDefinition { get; set; }

    /// <summary>The pg_dump to use; by default the one of the server's version, or the nearest newer one.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? PgDump { get; set; }

    /// <summary>Refuses a file that exists.</summary>
    [Parameter]
    public SwitchParameter NoClobber { get; set; }

    protected override void EndProcessing()
    {
        CitusConnection cluster = Cluster;
        string? file = Path is null ? null : GetUnresolvedProviderPathFromPSPath(Path);
        bool isTrial = false;
        if (file is not null && !Agree(file, $"Export the schema of {cluster.Name}", out isTrial)) return;
        if (file is not null) Run((_, _) => Task.Run(() => OutputFile.Check(file, overwrite: !NoClobber, force: false)), file);
        string? program = PgDump is null ? null : GetUnresolvedProviderPathFromPSPath(PgDump);
        Run(async (output, stop) =>
        {
            IReadOnlyList<SchemaObject> objects = await new SchemaExport(cluster)
                { IncludeDefinition = IncludeDefinition, PgDump = program, Explain = output.Verbose }.ReadAsync(stop);
            foreach (SchemaObject lost in objects.Where(o => o.Sql.Length == 0)) output.Warning($"{lost.Name}: {lost.Note}");
            if (isTrial) return;
            if (file is null)
            {
                foreach (SchemaObject item in objects) await output.ObjectAsync(item);
                return;
            }
            string script = SchemaScript.Write(objects, $"database {cluster.Database} of {cluster.Server}:{cluster.Port}, "
                + $"Citus {cluster.CitusVersion}, PostgreSQL {cluster.ServerVersion}");
            await OutputFile.WriteAsync(file, Encoding.UTF8.GetBytes(script), overwrite: !NoClobber, stop);
            await output.ObjectAsync(new FileInfo(file));
        }, file ?? cluster.Name);
    }
}
