using Woodgrove.Citus.Errors;

namespace Woodgrove.Citus.Validation;

/// <summary>Errors of checks and their suite.</summary>
internal static class ValidationErrors
{
    public static CitusException NotANumber(object check, object? threshold) =>
        new("CitusInvalidThreshold", CitusErrorKind.InvalidArgument,
            $"The threshold of {check}, '{threshold}', is not a number.",
            "Get-CitusCheck says what it is a limit of, and in which unit.") { Target = check };

    public static CitusException NoPester() =>
        new("CitusPesterMissing", CitusErrorKind.NotInstalled,
            "Pester 5 or later is not installed here.",
            "Install-PSResource Pester installs it. Without it, Test-CitusCluster gives the same results as objects.");

    public static CitusException TestsDidNotRun(object? file, object error) =>
        new("CitusValidationBroken", CitusErrorKind.InvalidOperation,
            $"The tests of {file} did not run: {error}",
            "Fix what the message says; a validation that did not run has not passed.");

    public static CitusException NoFile(string full, string path) =>
        new("CitusFileNotFound", CitusErrorKind.ObjectNotFound,
            $"There is no file or folder '{full}'.", "Name files that end in .Tests.ps1, or folders of them, with -Path.")
                { Target = path };
}
