using Woodgrove.Citus.Errors;

namespace Woodgrove.Citus.Sandbox;

/// <summary>Errors of sample data.</summary>
internal static class SampleDataErrors
{
    public static CitusException FolderIsFile(string path) =>
        new("CitusFileExists", CitusErrorKind.ResourceExists, $"'{path}' is a file.", "Name a folder; it is created where it is missing.")
            { Target = path };
}
