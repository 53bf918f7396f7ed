using System.Reflection;
using System.Runtime.Loader;

namespace Woodgrove.Citus.Loader;

/// <summary>
/// Holds the module's assemblies and packages apart from everything else in the process, so that another module
/// may bring another Npgsql. Only this small assembly lives in the default context.
/// </summary>
public sealed class ModuleLoadContext : AssemblyLoadContext
{
    private static readonly Lazy<Assembly> Cmdlets = new(LoadCmdlets);
    private readonly string _folder;

    private ModuleLoadContext(string folder) : base("Woodgrove.Citus") => _folder = folder;

    /// <summary>The assembly with the cmdlets, loaded once a process.</summary>
    public static Assembly Load() => Cmdlets.Value;

    /// <inheritdoc/>
    protected override Assembly? Load(AssemblyName assemblyName)
    {
        ArgumentNullException.ThrowIfNull(assemblyName);
        // What is not in the module's folder (the PowerShell engine, the framework) comes from the default context.
        string path = Path.Combine(_folder, assemblyName.Name + ".dll");
        return File.Exists(path) ? LoadFromAssemblyPath(path) : null;
    }

    private static Assembly LoadCmdlets()
    {
        string folder = Path.GetDirectoryName(typeof(ModuleLoadContext).Assembly.Location)!;
        return new ModuleLoadContext(folder).LoadFromAssemblyPath(Path.Combine(folder, "Woodgrove.Citus.dll"));
    }
}
